mod damage;
mod disk;
mod hosts;
mod live;
mod many;
mod moments;
mod remote;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use retop_model::{Clock, FamilyId, Snapshot, Stamp};

use super::{Entry, Folder, Recorder, Recording, SegmentFile, SegmentName, Settings, Space};
use crate::{Roots, Ticker, open};

/// A clock that is moved by hand.
#[derive(Default)]
pub struct Script {
    monotonic_ns: AtomicU64,
    slept_ns: AtomicU64,
    wall_ms: AtomicI64,
}

impl Script {
    fn pass(&self, ms: u64) {
        self.monotonic_ns.fetch_add(ms * 1_000_000, Ordering::Relaxed);
        self.wall_ms.fetch_add(ms as i64, Ordering::Relaxed);
    }

    fn sleep(&self, ms: u64) {
        self.slept_ns.fetch_add(ms * 1_000_000, Ordering::Relaxed);
        self.wall_ms.fetch_add(ms as i64, Ordering::Relaxed);
    }

    fn set_wall(&self, by_ms: i64) {
        self.wall_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for Script {
    fn now(&self) -> Stamp {
        let monotonic_ns = self.monotonic_ns.load(Ordering::Relaxed);
        Stamp {
            wall_ms: 1_800_000_000_000 + self.wall_ms.load(Ordering::Relaxed),
            monotonic_ns,
            boottime_ns: monotonic_ns + self.slept_ns.load(Ordering::Relaxed),
        }
    }
}

/// A made-up machine, sample by sample.
pub struct Made {
    pub clock: Arc<Script>,
    pub ticker: Ticker,
}

impl Made {
    pub fn new(name: &str) -> Made {
        let clock = Arc::new(Script::default());
        let machine = open(Some(name), Roots::below(Path::new("/"))).expect("known");
        let mut ticker = Ticker::lockstep(machine, Arc::<Script>::clone(&clock));
        ticker.set_rules(retop_model::alert::builtin());
        Made { clock, ticker }
    }

    /// The moment a second later.
    pub fn tick(&mut self) -> Arc<Snapshot> {
        self.clock.pass(1_000);
        self.ticker.tick()
    }
}

/// A folder in memory whose disk fills up and fails when it is told to.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// Bytes that all files may take; 0 for no limit.
    capacity: usize,
    /// What every write gives.
    fault: Option<io::ErrorKind>,
    /// The file system takes no cut either.
    stuck: bool,
    /// Files that cannot be removed.
    fast: Vec<String>,
    writes: usize,
    syncs: usize,
    others: u64,
}

impl Disk {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().expect("whole"))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.with(|state| state.files[name].clone())
    }

    fn names(&self) -> Vec<String> {
        self.with(|state| state.files.keys().cloned().collect())
    }

    /// The files as a recording in a folder.
    fn recording(&self, folder: &Path) -> Recording {
        self.with(|state| {
            for (name, bytes) in &state.files {
                std::fs::write(folder.join(name), bytes).expect("written");
            }
        });
        Recording::open(folder).expect("a recording")
    }
}

struct OnDisk(Disk, String);

impl Folder for Disk {
    fn list(&mut self) -> io::Result<Vec<Entry>> {
        self.with(|state| {
            let entry = |(name, bytes): (&String, &Vec<u8>)| {
                Some(Entry { name: SegmentName::parse(name)?, bytes: bytes.len() as u64 })
            };
            Ok(state.files.iter().filter_map(entry).collect())
        })
    }

    fn create(&mut self, name: &SegmentName) -> io::Result<Box<dyn SegmentFile>> {
        let name = name.to_string();
        self.with(|state| match state.fault {
            Some(fault) => Err(io::Error::from(fault)),
            None if state.files.contains_key(&name) => Err(io::ErrorKind::AlreadyExists.into()),
            None => {
                state.files.insert(name.clone(), Vec::new());
                Ok(())
            }
        })?;
        Ok(Box::new(OnDisk(self.clone(), name)))
    }

    fn remove(&mut self, name: &SegmentName) -> io::Result<()> {
        self.with(|state| match state.fast.contains(&name.to_string()) {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => state
                .files
                .remove(&name.to_string())
                .map(drop)
                .ok_or(io::ErrorKind::NotFound.into()),
        })
    }

    fn space(&mut self) -> io::Result<Space> {
        self.with(|state| {
            let used = state.files.values().map(Vec::len).sum::<usize>() as u64 + state.others;
            let total = if state.capacity == 0 { 1 << 40 } else { state.capacity as u64 };
            Ok(Space { free: total.saturating_sub(used), total })
        })
    }
}

impl SegmentFile for OnDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.with(|state| {
            state.writes += 1;
            if let Some(fault) = state.fault {
                return Err(fault.into());
            }
            let used = state.files.values().map(Vec::len).sum::<usize>() + state.others as usize;
            let room = if state.capacity == 0 { usize::MAX } else { state.capacity - used };
            let count = room.min(bytes.len());
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.files.get_mut(&self.1).expect("there").extend_from_slice(&bytes[..count]);
            Ok(count)
        })
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.0.with(|state| {
            if state.stuck {
                return Err(io::ErrorKind::ReadOnlyFilesystem.into());
            }
            state.files.get_mut(&self.1).expect("there").truncate(bytes as usize);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.with(|state| state.syncs += 1);
        Ok(())
    }
}

/// A folder for one test.
pub struct Temporary(pub std::path::PathBuf);

impl Temporary {
    pub fn new(name: &str) -> Temporary {
        let path = std::env::temp_dir().join(format!("retop-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn recorder(disk: &Disk, settings: Settings) -> Recorder {
    Recorder::new(Box::new(disk.clone()), settings).expect("a recorder")
}

/// Everything that a moment is, as text: what anybody can ask of it.
pub fn whole(moment: &Snapshot) -> String {
    let mut text = format!("{:?} {}\n", moment.stamp(), moment.is_gap());
    for family in FamilyId::all() {
        for row in moment.rows(family) {
            text += &format!("{} {:?} {}", family.get().name, row.key(), row.is_new());
            for field in family.get().fields() {
                text += &format!(" {:?}", row.get(field));
            }
            for field in family.get().text_fields() {
                text += &format!(" {:?}", row.text(field));
            }
            text.push('\n');
        }
    }
    text
}
