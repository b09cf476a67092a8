//! Where an export goes: nothing bears its name before all of it is there.
//!
//! Files are written beside their place under a name that tells of it, and moved when the last byte
//! is out. An export that is broken off or fails takes them away again.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use retop_model::family::FAMILIES;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::tidy::events::TABLE as EVENTS;

/// A file or a folder that comes into being at once.
#[derive(Debug)]
pub struct Target {
    /// The file, or the folder of the files.
    path: PathBuf,
    /// What is written meanwhile: a file, or a folder.
    partial: PathBuf,
    /// The files of a folder; `None` for a single file.
    names: Option<Vec<String>>,
    /// The ending of the tables of a folder.
    ending: &'static str,
    /// The folder was not there before.
    made: bool,
    /// Nobody else may read it.
    private: bool,
    /// Held while the folder of what is written is at work.
    lock: Option<File>,
    committed: bool,
}

/// The description of the tables of a folder of CSV files.
pub(super) const ABOUT: &str = "columns.csv";
/// What has to wait, until it has lost its name.
const SCRATCH: &str = "scratch";

fn exists(path: &Path) -> io::Error {
    let text = format!("{} is there already; --force replaces it", path.display());
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

/// What an export left that was killed: a folder of its own with tables and nothing else, that no
/// export holds. A number alone says little: in a container others are not seen.
fn was_left(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let number = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".partial"));
    let pid = number.and_then(|number| Pid::from_raw(number.parse().ok()?));
    let gone = pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH));
    if !gone || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
        return false;
    }
    let free = File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
    let Ok(mut files) = fs::read_dir(entry.path()) else { return false };
    let file = |file: fs::DirEntry| {
        file.file_type().is_ok_and(|kind| kind.is_file())
            && file.file_name().to_str().is_some_and(is_table)
    };
    free && files.all(|entry| entry.is_ok_and(file))
}

/// True for the name of a file that an export writes into a folder.
fn is_table(name: &str) -> bool {
    let table = name.strip_suffix(".csv").or_else(|| name.strip_suffix(".parquet"));
    let known = |table| FAMILIES.iter().any(|family| family.key == table) || table == EVENTS;
    [ABOUT, SCRATCH].contains(&name) || table.is_some_and(known)
}

/// Takes away what was left: the files of an export and no more.
fn remove_left(left: &Path) {
    let Ok(files) = fs::read_dir(left) else { return };
    for file in files.flatten().filter(|file| file.file_name().to_str().is_some_and(is_table)) {
        let _ = fs::remove_file(file.path());
    }
    // What cannot be taken away stays under a name that says what it is.
    let _ = fs::remove_dir(left);
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "that is no name of a file"));
    };
    let name = format!(".{}.{}.partial", name.to_string_lossy(), std::process::id());
    Ok(path.with_file_name(name))
}

impl Target {
    /// A single file.
    ///
    /// # Errors
    ///
    /// Something is there and must not be replaced.
    pub fn file(path: &Path, force: bool) -> io::Result<Target> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => {
                let text = format!("{} is a folder; name a file", path.display());
                return Err(io::Error::new(io::ErrorKind::IsADirectory, text));
            }
            Ok(_) if !force => return Err(exists(path)),
            _ => {}
        }
        let partial = beside(path)?;
        let path = path.to_owned();
        Ok(Target {
            path,
            partial,
            names: None,
            ending: "",
            made: false,
            private: false,
            lock: None,
            committed: false,
        })
    }

    /// A folder of tables whose files end in `ending`. One that is there may be empty; with
    /// `force`, it keeps what is no table of an export.
    ///
    /// # Errors
    ///
    /// Something is there and must not be replaced, or the folder cannot be made.
    pub fn folder(path: &Path, ending: &'static str, force: bool) -> io::Result<Target> {
        let made = match fs::read_dir(path) {
            Ok(entries) => {
                let (left, others): (Vec<_>, Vec<_>) =
                    entries.partition(|entry| entry.as_ref().is_ok_and(was_left));
                if !others.is_empty() && !force {
                    return Err(exists(path));
                }
                left.iter().flatten().for_each(|left| remove_left(&left.path()));
                false
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(path)?;
                true
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                let text = format!("{} is a file; name a folder", path.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, text));
            }
            Err(error) => return Err(error),
        };
        let partial = path.join(format!(".{}.partial", std::process::id()));
        let names = Some(Vec::new());
        // From here on, dropping the target takes the folder away again.
        let mut target = Target {
            path: path.to_owned(),
            partial,
            names,
            ending,
            made,
            private: false,
            lock: None,
            committed: false,
        };
        fs::create_dir(&target.partial)?;
        // A file system without locks has the number of the process alone.
        target.lock = File::open(&target.partial).ok().filter(|folder| folder.try_lock().is_ok());
        Ok(target)
    }

    /// True for a single file.
    pub(super) fn is_file(&self) -> bool {
        self.names.is_none()
    }

    /// What is made is for its owner alone.
    #[must_use]
    pub fn private(mut self) -> Target {
        self.private = true;
        self
    }

    /// Bytes that have been written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |found| found.len());
        match &self.names {
            None => size(self.partial.clone()),
            Some(names) => names.iter().map(|name| size(self.partial.join(name))).sum(),
        }
    }

    /// Begins a file of the folder, or the single file, whose name stands already.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn create(&mut self, name: &str) -> io::Result<File> {
        let path = match &mut self.names {
            Some(names) => {
                names.push(name.to_owned());
                self.partial.join(name)
            }
            None => self.partial.clone(),
        };
        let mode = if self.private { 0o600 } else { 0o666 };
        OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
    }

    /// A file without a name on the same disk, for what has to wait: it is gone when it is closed.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn scratch(&self) -> io::Result<File> {
        let path = match &self.names {
            Some(_) => self.partial.join(SCRATCH),
            None => self.partial.with_extension("scratch"),
        };
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(path)?;
        Ok(file)
    }

    /// Moves everything to its place. What an earlier export left there is replaced.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn commit(mut self) -> io::Result<()> {
        match &self.names {
            None => fs::rename(&self.partial, &self.path)?,
            Some(names) => {
                let keys = FAMILIES.iter().map(|family| family.key).chain([EVENTS]);
                let tables = keys.map(|key| format!("{key}.{}", self.ending));
                for stale in tables.chain([ABOUT.to_owned()]).filter(|name| !names.contains(name)) {
                    match fs::remove_file(self.path.join(stale)) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                        _ => {}
                    }
                }
                for name in names {
                    fs::rename(self.partial.join(name), self.path.join(name))?;
                }
                fs::remove_dir(&self.partial)?;
            }
        }
        self.committed = true;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        // What cannot be taken away stays under a name that says what it is.
        let Some(names) = &self.names else {
            let _ = fs::remove_file(&self.partial);
            return;
        };
        for name in names {
            let _ = fs::remove_file(self.partial.join(name));
        }
        let _ = fs::remove_dir(&self.partial);
        if self.made {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("retop-target-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn entries(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = scratch("file");
        let path = folder.join("out.csv");
        let mut target = Target::file(&path, false).unwrap();
        target.create("").unwrap().write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(target);
        assert!(entries(&folder).is_empty());

        let mut target = Target::file(&path, false).unwrap();
        target.create("").unwrap().write_all(b"whole").unwrap();
        target.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let error = Target::file(&path, false).unwrap_err().to_string();
        assert!(error.ends_with("out.csv is there already; --force replaces it"), "{error}");
        let mut target = Target::file(&path, true).unwrap();
        target.create("").unwrap().write_all(b"again").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        target.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"again");
        assert_eq!(entries(&folder), ["out.csv"]);
        assert!(Target::file(&folder, true).is_err(), "a folder is not replaced");
        assert!(Target::file(Path::new("/"), true).is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let outer = scratch("folder");
        let path = outer.join("out");
        let mut target = Target::folder(&path, "csv", false).unwrap();
        target.create("disks.csv").unwrap();
        drop(target);
        assert!(entries(&outer).is_empty());

        let mut target = Target::folder(&path, "csv", false).unwrap();
        target.create("disks.csv").unwrap();
        target.create("cores.csv").unwrap();
        target.create(ABOUT).unwrap();
        target.commit().unwrap();
        assert_eq!(entries(&path), [ABOUT, "cores.csv", "disks.csv"]);
        assert!(Target::folder(&path, "csv", false).is_err());

        // Tables of the earlier export do not stay beside the new ones; what else is there does.
        fs::write(path.join("notes.txt"), "mine").unwrap();
        let mut target = Target::folder(&path, "csv", true).unwrap();
        target.create("disks.csv").unwrap();
        target.commit().unwrap();
        assert_eq!(entries(&path), ["disks.csv", "notes.txt"]);
        drop(Target::folder(&path, "csv", true).unwrap());
        assert_eq!(entries(&path), ["disks.csv", "notes.txt"]);

        // What a killed export left is no obstacle and goes; what one at work has is left to it.
        let killed = outer.join("killed");
        fs::create_dir_all(killed.join(".1999999999.partial")).unwrap();
        fs::write(killed.join(".1999999999.partial/disks.csv"), "half").unwrap();
        drop(Target::folder(&killed, "csv", false).unwrap());
        assert!(entries(&killed).is_empty());
        fs::create_dir_all(killed.join(".1.partial")).unwrap();
        assert!(Target::folder(&killed, "csv", false).is_err());
        fs::remove_dir(killed.join(".1.partial")).unwrap();

        // Nothing goes where nothing is exported to, whatever there is beside it.
        fs::create_dir_all(killed.join(".1999999999.partial")).unwrap();
        fs::write(killed.join("notes.txt"), "mine").unwrap();
        assert!(Target::folder(&killed, "csv", false).is_err());
        assert_eq!(entries(&killed), [".1999999999.partial", "notes.txt"]);
        fs::remove_file(killed.join("notes.txt")).unwrap();
        // Nor what is called so and holds something else, is no folder, or is held by an export whose
        // process is not seen from here.
        let left = killed.join(".1999999999.partial");
        fs::write(left.join("notes.txt"), "mine").unwrap();
        assert!(Target::folder(&killed, "csv", false).is_err());
        drop(Target::folder(&killed, "csv", true).unwrap());
        assert_eq!(fs::read(left.join("notes.txt")).unwrap(), b"mine");
        fs::remove_file(left.join("notes.txt")).unwrap();
        let held = File::open(&left).unwrap();
        held.try_lock().unwrap();
        assert!(Target::folder(&killed, "csv", false).is_err());
        drop(held);
        fs::remove_dir(&left).unwrap();
        std::os::unix::fs::symlink(&path, &left).unwrap();
        assert!(Target::folder(&killed, "csv", false).is_err());
        assert!(path.join("notes.txt").exists());
        fs::remove_file(&left).unwrap();
        drop(Target::folder(&killed, "csv", false).unwrap());
        assert!(entries(&killed).is_empty());
        let file = Target::folder(&path.join("notes.txt"), "csv", true).unwrap_err().to_string();
        assert!(file.ends_with("notes.txt is a file; name a folder"), "{file}");
        assert!(Target::folder(&outer.join("no/such"), "csv", false).is_err());
        fs::remove_dir_all(outer).unwrap();
    }
}
