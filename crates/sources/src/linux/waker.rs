//! Who woke a device: the processes that have it open as it wakes.
//!
//! Links of descriptors are read and not followed: opening a node would count as use. What belongs
//! to another user may not be read without further rights, and is told as that.

use std::path::Path;

use retop_model::family::gpu;
use retop_model::{RowMut, Text};

use super::parse;
use super::process::Stat;

/// A process with more descriptors than these is looked at no further.
pub const MOST_DESCRIPTORS: usize = 65_536;

/// A device that was seen to wake.
#[derive(Clone, Debug, PartialEq)]
pub struct Woken {
    /// When.
    pub at_ns: u64,
    /// Who had it open then, in words.
    pub by: Text,
}

impl Woken {
    /// Looks through the processes for those that have one of the nodes open.
    pub fn now(proc: &Path, at_ns: u64, is_node: impl Fn(&Path) -> bool) -> Woken {
        let own = u64::from(std::process::id());
        // The youngest is the likeliest: one that was there before did not wake it until now.
        let (mut youngest, mut count, mut hidden) = (None, 0_usize, false);
        for entry in std::fs::read_dir(proc).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| parse::decimal(name.as_bytes()));
            let Some(pid) = pid.filter(|&pid| pid != own) else { continue };
            let folder = proc.join(&name);
            let holds = holds(&folder.join("fd"), &is_node);
            if matches!(holds, Ok(false)) || hidden && holds.is_err() {
                continue;
            }
            let line = std::fs::read(folder.join("stat")).unwrap_or_default();
            let Some(stat) = Stat::parse(&line) else { continue };
            match holds {
                Ok(_) => {
                    count += 1;
                    let name = String::from_utf8_lossy(stat.comm).into_owned();
                    let found = (stat.start_ticks, pid, name);
                    youngest = youngest.max(Some(found));
                }
                Err(error) => {
                    let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
                    hidden |= denied && !stat.is_kernel();
                }
            }
        }
        let by = match youngest {
            Some((_, pid, name)) if count == 1 => format!("{name} ({pid})"),
            Some((_, pid, name)) => format!("{name} ({pid}) or {} more", count - 1),
            None if hidden => "a process that may not be looked into".to_owned(),
            None => "nobody who has it open still".to_owned(),
        };
        Woken { at_ns, by: Text::from(by) }
    }

    /// Tells it of a device.
    pub fn write(&self, now_ns: u64, row: &mut RowMut<'_>) {
        row.text(gpu::woken_by, self.by.clone())
            .set(gpu::woken_seconds, now_ns.saturating_sub(self.at_ns) / 1_000_000);
    }
}

fn holds(folder: &Path, is_node: impl Fn(&Path) -> bool) -> std::io::Result<bool> {
    let entries = std::fs::read_dir(folder)?.flatten().take(MOST_DESCRIPTORS);
    let mut targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    Ok(targets.any(|target| is_node(&target)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    fn stat(pid: u32, name: &str, start: u64) -> String {
        format!("{pid} ({name}) S 1 1 1 0 -1 4194304 0 0 0 0 5 5 0 0 20 0 1 0 {start} 1000 10 0")
    }

    #[test]
    fn the_youngest_of_those_that_have_a_node_open_is_named() {
        let is_node = |path: &Path| path == Path::new("/dev/nvidia0");
        let tree = Tree::new(&[
            ("proc/7/fd/3", "-> /dev/null"),
            ("proc/7/stat", &stat(7, "sh", 900)),
            ("proc/self/fd/3", "-> /dev/nvidia0"),
            ("proc/meminfo", "-> /dev/nvidia0"),
        ]);
        let proc = tree.roots().proc;
        let by = || Woken::now(&proc, 5, is_node).by.shown().to_owned();
        assert_eq!(by(), "nobody who has it open still");
        tree.write("proc/20/stat", stat(20, "Xorg", 100));
        tree.write("proc/20/fd/9", "-> /dev/nvidia0");
        assert_eq!(by(), "Xorg (20)");
        tree.write("proc/90/stat", stat(90, "py) S (thon", 800));
        tree.write("proc/90/fd/4", "-> /dev/nvidia0");
        // What ended meanwhile, and what has no readable line, is nobody.
        tree.write("proc/91/fd/4", "-> /dev/nvidia0");
        assert_eq!(by(), "py) S (thon (90) or 1 more");
        // Opening the node itself, this monitor wakes nobody.
        let own = std::process::id();
        tree.write(&format!("proc/{own}/stat"), stat(own, "retop", 9_000));
        tree.write(&format!("proc/{own}/fd/4"), "-> /dev/nvidia0");
        assert_eq!(by(), "py) S (thon (90) or 1 more");
    }
}
