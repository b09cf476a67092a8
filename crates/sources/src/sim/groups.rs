//! Control groups of a made-up machine.

use std::collections::HashMap;

use retop_model::{Key, Text};

use super::flow::Flow;

/// A control group with everything below it.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its identity.
    pub key: Key,
    /// Its path.
    pub path: Text,
    /// Container or unit that the path tells.
    pub container: Option<Text>,
    /// Place of the group above; `None` for the root.
    pub parent: Option<usize>,
    /// Depth below the root.
    pub depth: u64,
    /// CPU time in user programs, in microseconds.
    pub user: Flow,
    /// CPU time in the kernel, in microseconds.
    pub system: Flow,
    /// Bytes read.
    pub read: Flow,
    /// Bytes written.
    pub written: Flow,
    /// Periods in which a quota held it back.
    pub throttled: Flow,
    /// Microseconds in which a task waited for a CPU.
    pub cpu_waits: Flow,
    /// Microseconds in which a task waited for a disk.
    pub io_waits: Flow,
    /// Memory that no file stands behind.
    pub own_bytes: u64,
    /// Page cache.
    pub file_bytes: u64,
    /// Most memory ever in use.
    pub peak_bytes: u64,
    /// Processes and threads.
    pub tasks: u64,
    /// Processes killed for want of memory.
    pub oom_kills: u64,
    /// Thousandths of a CPU that it may use.
    pub cpu_limit: Option<u64>,
    /// Memory that it may use.
    pub memory_limit: Option<u64>,
}

/// Every group; one stands behind the one above it.
#[derive(Debug, Default)]
pub struct Groups {
    /// The groups.
    pub list: Vec<Group>,
    places: HashMap<String, usize>,
}

impl Groups {
    /// The place of a path, made with all that are above it if it is new.
    pub fn intern(&mut self, path: &str, container: Option<&str>) -> usize {
        if let Some(&place) = self.places.get(path) {
            return place;
        }
        let parent = match path.rsplit_once('/') {
            _ if path == "/" => None,
            Some(("", _)) | None => Some(self.intern("/", None)),
            Some((above, _)) => Some(self.intern(above, None)),
        };
        let depth = parent.map_or(0, |parent| self.list[parent].depth + 1);
        let place = self.list.len();
        self.list.push(Group {
            key: Key(Key::named(path.as_bytes()).0, 1000 + place as u64),
            path: Text::from(path),
            container: container.map(Text::from),
            parent,
            depth,
            user: Flow::default(),
            system: Flow::default(),
            read: Flow::default(),
            written: Flow::default(),
            throttled: Flow::default(),
            cpu_waits: Flow::default(),
            io_waits: Flow::default(),
            own_bytes: 0,
            file_bytes: 0,
            peak_bytes: 0,
            tasks: 0,
            oom_kills: 0,
            cpu_limit: None,
            memory_limit: None,
        });
        self.places.insert(path.to_owned(), place);
        place
    }

    /// The path of a group.
    pub fn path(&self, place: usize) -> Text {
        self.list.get(place).map_or_else(|| Text::from(""), |group| group.path.clone())
    }

    /// Sets what a group may use.
    pub fn limit(&mut self, path: &str, cpu_permille: Option<u64>, memory: Option<u64>) {
        let place = self.intern(path, None);
        self.list[place].cpu_limit = cpu_permille;
        self.list[place].memory_limit = memory;
    }

    /// Ends a second: what was counted stands, the new second has counted nothing yet.
    pub fn begin_second(&mut self) {
        for group in &mut self.list {
            for flow in [
                &mut group.user,
                &mut group.system,
                &mut group.read,
                &mut group.written,
                &mut group.throttled,
                &mut group.cpu_waits,
                &mut group.io_waits,
            ] {
                flow.next(0);
            }
            (group.own_bytes, group.file_bytes, group.tasks) = (0, 0, 0);
        }
    }

    /// Hands every group's second up to the one above. Those below stand behind those above.
    pub fn sum_up(&mut self) {
        for place in (0..self.list.len()).rev() {
            let (above, below) = self.list.split_at_mut(place);
            let Some(group) = below.first_mut() else { continue };
            group.peak_bytes = group.peak_bytes.max(group.own_bytes + group.file_bytes);
            let wanted = group.user.rate() + group.system.rate();
            if let Some(limit) = group.cpu_limit {
                // Ten periods of 100 ms: the nearer to the quota, the more of them run out.
                let used = wanted / limit.max(1);
                group.throttled.set_rate((used.saturating_sub(600) / 40).min(10));
            }
            let Some(parent) = group.parent.and_then(|place| above.get_mut(place)) else {
                continue;
            };
            parent.user.add(group.user.rate());
            parent.system.add(group.system.rate());
            parent.read.add(group.read.rate());
            parent.written.add(group.written.rate());
            parent.cpu_waits.set_rate(parent.cpu_waits.rate().max(group.cpu_waits.rate()));
            parent.io_waits.set_rate(parent.io_waits.rate().max(group.io_waits.rate()));
            parent.own_bytes += group.own_bytes;
            parent.file_bytes += group.file_bytes;
            parent.tasks += group.tasks;
        }
    }
}
