//! Files that are there and give an error: which, why, and what would help.

use std::io::{self, ErrorKind};

use retop_model::family::source::{ABSENT, DENIED, FAILING};

use crate::source::Problem;

/// So many files are named; the others are counted.
const NAMED: usize = 3;

/// What refused in one read.
#[derive(Clone, Debug, Default)]
pub struct Refused(Vec<(String, Errno)>);

/// What the system said; nothing of a value that cannot be.
type Errno = Option<i32>;

/// What an error means of a driver's file.
struct Meaning {
    state: i64,
    words: String,
    hint: &'static str,
}

impl Refused {
    /// Notes what a file gave. One that is not there refuses nothing: other kernels have it.
    pub fn note<T>(&mut self, name: impl FnOnce() -> String, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                if !is_gone(&error) {
                    self.0.push((name(), error.raw_os_error()));
                }
                None
            }
        }
    }

    /// Notes a file whose value cannot be.
    pub fn doubt(&mut self, name: String) {
        self.0.push((name, None));
    }

    /// What was noted from that place on.
    pub fn since(&self, place: usize) -> Refused {
        Refused(self.0.get(place..).unwrap_or(&[]).to_vec())
    }

    /// Notes all of that once more.
    pub fn extend(&mut self, other: &Refused) {
        self.0.extend_from_slice(&other.0);
    }

    /// How much was noted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if that file refused, and is not one that the device does not have.
    pub fn has(&self, name: &str) -> bool {
        let is_it = |(of, errno): &(String, Errno)| of == name && meaning(*errno).state != ABSENT;
        self.0.iter().any(is_it)
    }

    /// True if nothing refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it in one line: files with the same error together.
    pub fn problem(&self, of: &str) -> Option<Problem> {
        let mut kinds: Vec<(Meaning, Vec<&str>)> = Vec::new();
        for (name, errno) in &self.0 {
            let meaning = meaning(*errno);
            match kinds.iter_mut().find(|(known, _)| known.words == meaning.words) {
                Some((_, names)) => names.push(name),
                None => kinds.push((meaning, vec![name])),
            }
        }
        // What somebody could mend, and then what most of them say.
        kinds.sort_by_key(|(meaning, names)| (meaning.state == ABSENT, usize::MAX - names.len()));
        let (first, _) = kinds.first()?;
        let (state, hint) = (first.state, first.hint);
        let each = kinds.iter().map(|(meaning, names)| {
            let more = match names.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let named: Vec<&str> = names.iter().take(NAMED).copied().collect();
            format!("{}: {}{more}", meaning.words, named.join(", "))
        });
        let each: Vec<String> = each.collect();
        let reason = format!("{of}: {}", each.join("; "));
        Some(Problem { state, reason, hint: Some(hint.to_owned()) })
    }
}

/// True if there is no such file, or its process has ended meanwhile.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(libc::ESRCH)
}

fn meaning(errno: Errno) -> Meaning {
    let of = |state, words: &str, hint| Meaning { state, words: words.to_owned(), hint };
    let Some(errno) = errno else {
        let hint = "a newer kernel, or a report to the driver's makers";
        return of(FAILING, "no possible value", hint);
    };
    match errno {
        libc::EACCES => of(DENIED, "permission denied", "run as root, or as who may read it"),
        // amdgpu says so while it resets; from Linux 6.15 on also of a device that has just fallen
        // asleep.
        libc::EPERM => of(
            DENIED,
            "operation not permitted",
            "wait until the device has reset or is awake again; if it stays so, run as root",
        ),
        libc::EBUSY => of(
            FAILING,
            "busy",
            "wait: it resets, or something has it for itself; it is asked again each second",
        ),
        libc::ENODEV | libc::ENXIO => of(
            FAILING,
            "no such device",
            "sudo dmesg, which tells why the driver has lost the device",
        ),
        libc::EINVAL | libc::EOPNOTSUPP | libc::ENODATA | libc::ENOSYS | libc::ENOTTY => {
            of(ABSENT, "not supported", "a newer kernel, which may have it for this device")
        }
        libc::EMFILE | libc::ENFILE => {
            of(FAILING, "too many open files", "ulimit -n with a higher number")
        }
        libc::ETIMEDOUT => of(
            FAILING,
            "timed out",
            "sudo dmesg, which tells why the device or its firmware does not answer",
        ),
        _ => Meaning {
            state: FAILING,
            words: plain(errno),
            hint: "sudo dmesg, which tells why the device or its firmware does not answer",
        },
    }
}

/// What the system calls it, without the number.
fn plain(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_the_same_error_stand_together() {
        let mut refused = Refused::default();
        let mut note = |name: &str, errno| {
            let result: io::Result<()> = Err(io::Error::from_raw_os_error(errno));
            assert_eq!(refused.note(|| name.to_owned(), result), None);
        };
        note("gone", libc::ENOENT);
        note("ended", libc::ESRCH);
        note("beside", libc::ENOTDIR);
        assert_eq!(refused.problem("gpu"), None);
        let mut note = |name: &str, errno| {
            refused.note::<()>(|| name.to_owned(), Err(io::Error::from_raw_os_error(errno)))
        };
        for name in ["a", "b", "c", "d", "e"] {
            note(name, libc::EINVAL);
        }
        note("f", libc::EBUSY);
        let problem = refused.problem("0000:03:00.0").expect("told");
        assert_eq!(problem.reason, "0000:03:00.0: busy: f; not supported: a, b, c and 2 more");
        assert!(problem.state == FAILING && problem.hint.is_some());
        assert_eq!(refused.note(String::new, Ok(7)), Some(7));
        let mut refused = Refused::default();
        refused.doubt("power1_average".to_owned());
        let problem = refused.problem("gpu").expect("told");
        assert_eq!(problem.reason, "gpu: no possible value: power1_average");
    }

    #[test]
    fn each_error_has_words_and_a_next_step() {
        for (errno, state, words) in [
            (libc::EACCES, DENIED, "permission denied"),
            (libc::EPERM, DENIED, "operation not permitted"),
            (libc::EBUSY, FAILING, "busy"),
            (libc::ENODEV, FAILING, "no such device"),
            (libc::ENXIO, FAILING, "no such device"),
            (libc::EINVAL, ABSENT, "not supported"),
            (libc::EOPNOTSUPP, ABSENT, "not supported"),
            (libc::EIO, FAILING, "input/output error"),
            (libc::ETIMEDOUT, FAILING, "timed out"),
            (libc::EMFILE, FAILING, "too many open files"),
        ] {
            let mut refused = Refused::default();
            refused.note::<()>(|| "x".to_owned(), Err(io::Error::from_raw_os_error(errno)));
            let problem = refused.problem("gpu").expect("told");
            assert_eq!((problem.state, &*problem.reason), (state, &*format!("gpu: {words}: x")));
            assert!(problem.hint.is_some_and(|hint| !hint.is_empty()), "{words}");
        }
    }
}
