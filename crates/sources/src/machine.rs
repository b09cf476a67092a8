//! The list of sources of a machine: this one, a tree of files, or a made-up one.

use std::path::PathBuf;

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
        }
    }
}

impl std::error::Error for MachineError {}

/// Opens a machine: `source` is `None` for the one under `roots`, or `sim:NAME`.
///
/// # Errors
///
/// Names that nobody knows, and folders that are not there.
pub fn open(source: Option<&str>, roots: Roots) -> Result<Machine, MachineError> {
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
