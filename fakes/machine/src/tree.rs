//! Writing a machine's files below a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder that stands for the root of a machine. Paths are relative to it; folders are made on
/// the way, and files written again keep their place and inode.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The machine below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Tree {
        Tree { root: root.to_path_buf() }
    }

    /// The folder of the machine.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> io::Result<()> {
        let path = self.root.join(path);
        match fs::write(&path, &content) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
                fs::write(&path, content)
            }
            other => other,
        }
    }

    /// Writes one attribute per pair into a folder, each with a newline, as sysfs does.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn attributes(&self, folder: &str, values: &[(&str, &str)]) -> io::Result<()> {
        values.iter().try_for_each(|(name, value)| {
            self.file(&format!("{folder}/{name}"), format!("{value}\n"))
        })
    }

    /// Makes a folder.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn folder(&self, path: &str) -> io::Result<()> {
        fs::create_dir_all(self.root.join(path))
    }

    /// Makes a symbolic link that holds `target` as it is written.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn link(&self, path: &str, target: &str) -> io::Result<()> {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        match std::os::unix::fs::symlink(target, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    /// Links `sys/class/CLASS/NAME` to a device folder given below `sys/devices`.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn class(&self, class: &str, name: &str, device: &str) -> io::Result<()> {
        self.link(&format!("sys/class/{class}/{name}"), &format!("../../devices/{device}"))
    }

    /// Removes a file or folder; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.root.join(path);
        let removed = match fs::symlink_metadata(&path) {
            Ok(data) if data.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// A folder of its own for one test, removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    tree: Tree,
}

impl Scratch {
    /// A new empty folder.
    ///
    /// # Panics
    ///
    /// If the system's folder for temporary files cannot be written to.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Scratch {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("retop-machine-{}-{number}", std::process::id());
        // In memory the 11,000 files of the largest machine take 50 ms, on a disk seconds.
        let memory = Path::new("/dev/shm").join(&name);
        let root = match fs::create_dir(&memory) {
            Ok(()) => memory,
            Err(_) => {
                let disk = std::env::temp_dir().join(name);
                fs::create_dir_all(&disk).expect("the temporary folder is writable");
                disk
            }
        };
        Scratch { tree: Tree::new(&root) }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.tree.root()
    }

    /// Writes into the folder.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that failed half-way may have left nothing to remove.
        let _ = fs::remove_dir_all(self.tree.root());
    }
}
