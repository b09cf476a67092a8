//! Made-up machines for tests: a folder with the files of `/proc`, `/sys` and `/etc` in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use retop_fake_machine::HandClock;
use retop_model::{Clock, RawSample, Snapshot, derive};

use crate::demand::Demand;
use crate::roots::Roots;
use crate::source::{Problem, Read, Report, Source};

/// A folder that goes away with the test.
pub(crate) struct Tree {
    base: PathBuf,
}

impl Tree {
    /// Writes `(path, content)` pairs. A content that begins with `-> ` makes a symbolic link.
    pub(crate) fn new(files: &[(&str, &str)]) -> Tree {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let base = std::env::temp_dir().join(format!("retop-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&base).expect("a folder for temporary files");
        let tree = Tree { base };
        for (path, content) in files {
            tree.write(path, content);
        }
        tree
    }

    /// Writes a file, or a link, anew.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let (path, content) = (self.base.join(path), content.as_ref());
        std::fs::create_dir_all(path.parent().expect("a path below the base")).expect("a folder");
        match content.strip_prefix(b"-> ") {
            Some(target) => {
                let target = std::str::from_utf8(target).expect("a path");
                std::os::unix::fs::symlink(Path::new(target), path).expect("a link");
            }
            None => std::fs::write(path, content).expect("a file"),
        }
    }

    /// Takes a file or a whole folder away.
    pub(crate) fn remove(&self, path: &str) {
        let path = self.base.join(path);
        if path.is_dir() {
            std::fs::remove_dir_all(path).expect("a folder");
        } else {
            std::fs::remove_file(path).expect("a file");
        }
    }

    /// The machine.
    pub(crate) fn roots(&self) -> Roots {
        Roots::below(&self.base)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.base);
    }
}

/// Reads sources as the engine does, a second apart.
pub(crate) struct Bench {
    pub(crate) clock: HandClock,
    pub(crate) demand: Demand,
    last: Option<Snapshot>,
}

/// What one read gave.
pub(crate) struct Taken {
    pub(crate) snapshot: Snapshot,
    pub(crate) result: Result<(), Problem>,
    pub(crate) reports: Vec<Report>,
}

impl Bench {
    /// Everything is wanted.
    pub(crate) fn new() -> Bench {
        let clock = HandClock::new(0, 0);
        clock.pass(1_000);
        Bench { clock, demand: Demand::everything(), last: None }
    }

    /// Reads a source a second later.
    pub(crate) fn read(&mut self, source: &mut dyn Source) -> Taken {
        self.clock.pass(1);
        self.read_now(source)
    }

    /// Reads a source, at whatever time it is.
    pub(crate) fn read_now(&mut self, source: &mut dyn Source) -> Taken {
        let mut sample = RawSample::new(self.clock.now());
        let mut read = Read::new(&self.clock, &self.demand);
        let result = source.read(&mut read);
        for table in read.tables.drain(..) {
            assert!(source.feeds().contains(&table.family()), "{:?}", table.family());
            sample.put(Arc::new(table));
        }
        let reports = std::mem::take(&mut read.reports);
        let snapshot = derive(self.last.as_ref(), Arc::new(sample));
        self.last = Some(snapshot.clone());
        Taken { snapshot, result, reports }
    }
}

/// Reads a source of a machine once.
pub(crate) fn read_once(source: &mut dyn Source) -> Taken {
    Bench::new().read(source)
}
