//! Every path that retop reads from, passed in: so that each path runs on a made-up machine.

use std::path::{Path, PathBuf};

/// The mount points and folders that sources start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// The process file system, `/proc`.
    pub proc: PathBuf,
    /// The device tree of the kernel, `/sys`.
    pub sys: PathBuf,
    /// Device nodes, `/dev`.
    pub dev: PathBuf,
    /// The control group hierarchy, `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
    /// Configuration of the system, `/etc`.
    pub etc: PathBuf,
    /// Where libraries of vendors are looked for: by the linker if empty.
    pub libraries: PathBuf,
    /// Where the paths that the machine itself names (mount points) start, `/`.
    pub base: PathBuf,
}

impl Roots {
    /// This machine.
    #[must_use]
    pub fn real() -> Roots {
        Roots::below(Path::new("/"))
    }

    /// A machine made of files: a folder with `proc/`, `sys/`, `etc/` in it.
    #[must_use]
    pub fn below(base: &Path) -> Roots {
        Roots {
            proc: base.join("proc"),
            sys: base.join("sys"),
            dev: base.join("dev"),
            cgroup: base.join("sys/fs/cgroup"),
            etc: base.join("etc"),
            libraries: if base == Path::new("/") { PathBuf::new() } else { base.join("usr/lib") },
            base: base.to_path_buf(),
        }
    }

    /// True for this machine: system calls then tell the truth about it.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.base == Path::new("/")
    }
}
