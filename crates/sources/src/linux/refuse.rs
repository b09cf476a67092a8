//! Files and folders that refuse, as those of a driver do that has no answer: what no file on a disk
//! can be made to say. And a count of how often files were asked for at all.

use std::cell::RefCell;
use std::io::{Error, Result};
use std::path::Path;

thread_local! {
    static WATCHED: RefCell<Vec<Watched>> = const { RefCell::new(Vec::new()) };
}

struct Watched {
    ending: String,
    errno: Option<i32>,
    asked: usize,
}

/// Some paths are watched, or refuse, for as long as this is there, on the thread that made it.
pub struct Refusing;

/// Whatever ends so, or lies in a folder that does, gives that error; without one it is counted.
pub fn refuse(endings: &[&str], errno: Option<i32>) -> Refusing {
    let watch = |&ending: &&str| Watched { ending: ending.to_owned(), errno, asked: 0 };
    WATCHED.with_borrow_mut(|watched| watched.extend(endings.iter().map(watch)));
    Refusing
}

impl Refusing {
    /// How often any of them was asked for.
    #[allow(clippy::unused_self, reason = "only while something is watched")]
    pub fn asked(&self) -> usize {
        WATCHED.with_borrow(|watched| watched.iter().map(|watched| watched.asked).sum())
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        WATCHED.with_borrow_mut(Vec::clear);
    }
}

/// The error that a path gives, if it gives one.
pub fn check(path: &Path) -> Result<()> {
    WATCHED.with_borrow_mut(|watched| {
        let is_it =
            |watched: &&mut Watched| path.ancestors().any(|at| at.ends_with(&watched.ending));
        let Some(found) = watched.iter_mut().find(is_it) else { return Ok(()) };
        found.asked += 1;
        found.errno.map_or(Ok(()), |errno| Err(Error::from_raw_os_error(errno)))
    })
}
