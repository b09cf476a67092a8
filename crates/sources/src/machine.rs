//! The list of sources of a machine: this one, a tree of files, or a made-up one.

use std::path::PathBuf;

use crate::privilege::is_elevated;
use crate::roots::Roots;
use crate::sim;
use crate::source::Source;

/// A machine to watch.
pub struct Machine {
    /// What it is, for people: `this machine`, `tree DIR`, `sim:web-incident`.
    pub name: String,
    /// Its sources, in the order in which they are read.
    pub sources: Vec<Box<dyn Source>>,
}

/// Why a machine cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub enum MachineError {
    /// No such simulation; the known names follow.
    UnknownSimulation(String, Vec<&'static str>),
    /// The text before the colon names no kind of source.
    UnknownKind(String),
    /// The library of `apple:PATH` cannot be opened.
    NoLibrary(String),
    /// `--root` was given a path that is no folder.
    NoFolder(PathBuf),
    /// Another machine than this one, by a retop that may do more than its user.
    Elevated,
}

impl std::fmt::Display for MachineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MachineError::UnknownSimulation(name, known) => {
                write!(f, "no simulation is called '{name}'; there are {}", known.join(", "))
            }
            MachineError::UnknownKind(text) => {
                write!(f, "'{text}' names no source; write sim:NAME or replay:FILE")
            }
            MachineError::NoLibrary(reason) => {
                write!(f, "{reason}; apple:PATH takes a library that plays a Mac")
            }
            MachineError::NoFolder(path) => {
                write!(
                    f,
                    "{}: no such folder; --root takes a tree with proc/ and sys/ in it",
                    path.display()
                )
            }
            MachineError::Elevated => {
                write!(
                    f,
                    "this retop has capabilities that you do not have, so it reads this machine \
                     alone: libraries of another would run with them; take a copy of the program"
                )
            }
        }
    }
}

impl std::error::Error for MachineError {}

/// Opens a machine: `source` is `None` for the one under `roots`, or `sim:NAME`.
///
/// # Errors
///
/// Names that nobody knows, folders that are not there, and whatever brings libraries of its own while
/// retop may do more than its user.
pub fn open(source: Option<&str>, roots: Roots) -> Result<Machine, MachineError> {
    open_as(is_elevated(), source, roots)
}

fn open_as(elevated: bool, source: Option<&str>, roots: Roots) -> Result<Machine, MachineError> {
    let brings_libraries = match source {
        Some(text) => text.starts_with("apple:"),
        None => !roots.is_real(),
    };
    if elevated && brings_libraries {
        return Err(MachineError::Elevated);
    }
    if let Some(text) = source {
        return match text.split_once(':') {
            Some(("sim", name)) => sim::open(name),
            #[cfg(any(target_os = "macos", test, feature = "apple"))]
            Some(("apple", path)) => {
                let sources = crate::apple::sources(Some(std::path::Path::new(path)));
                let sources = sources.map_err(MachineError::NoLibrary)?;
                Ok(Machine { name: text.to_owned(), sources })
            }
            _ => Err(MachineError::UnknownKind(text.to_owned())),
        };
    }
    if !roots.base.is_dir() {
        return Err(MachineError::NoFolder(roots.base));
    }
    Ok(platform(roots))
}

#[cfg(target_os = "linux")]
fn platform(roots: Roots) -> Machine {
    let name = if roots.is_real() {
        "this machine".to_owned()
    } else {
        format!("tree {}", roots.base.display())
    };
    Machine { name, sources: crate::linux::sources(&roots) }
}

#[cfg(target_os = "macos")]
fn platform(_: Roots) -> Machine {
    let sources = crate::apple::sources(None)
        .unwrap_or_else(|_| vec![Box::new(crate::sim::Unsupported) as Box<dyn Source>]);
    Machine { name: "this machine".to_owned(), sources }
}

/// A platform without sources still runs simulations, and says what is missing.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn platform(_: Roots) -> Machine {
    Machine { name: "this machine".to_owned(), sources: vec![Box::new(crate::sim::Unsupported)] }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn capabilities_are_lent_to_nobodys_library() {
        let below = |path: &str| Roots::below(Path::new(path));
        let tried = |elevated, source, roots| open_as(elevated, source, roots).err();
        for (source, root) in [
            (None, "/tmp"),
            (None, "tmp"),
            (None, "/tmp/.."),
            (None, "/nowhere/at/all"),
            (None, ""),
            (Some("apple:/tmp/library.so"), "/"),
            (Some("apple:"), "/"),
        ] {
            let refused = tried(true, source, below(root));
            assert_eq!(refused, Some(MachineError::Elevated), "{source:?} {root}");
            assert_ne!(tried(false, source, below(root)), refused, "{source:?} {root}");
        }
        // Where the linker looks is not the user's choice, and a simulation is no library.
        for (source, root) in [(None, "/"), (None, "/./"), (Some("sim:web-incident"), "/tmp")] {
            assert_eq!(tried(true, source, below(root)), None, "{source:?} {root}");
        }
        assert!(!is_elevated(), "tests are run by whoever owns their rights");
    }
}
