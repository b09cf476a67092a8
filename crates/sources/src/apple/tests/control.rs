//! What is done to processes: those of the made-up Mac have the numbers of children of this test.

use std::process::Child;

use super::*;
use crate::apple::control;
use crate::apple::library::Library;
use crate::schedule::ScheduleError;
use crate::signal::SignalError;

/// A process to do something to.
struct Subject(Child);

impl Subject {
    #[allow(clippy::disallowed_methods, reason = "a process to do something to")]
    fn new() -> Subject {
        Subject(std::process::Command::new("sleep").arg("60").spawn().expect("sleep"))
    }

    fn nice(&self) -> i32 {
        // SAFETY: getpriority takes integers only.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, self.0.id()) }
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().expect("ours").is_none()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn only_the_very_process_is_hit() {
    let (mut own, mut other) = (Subject::new(), Subject::new());
    let process = |subject: &Subject, user: u32, start: f64| {
        format!("[[process]]\npid = {}\nuser = {user}\nstart = {start}\n", subject.0.id())
    };
    let more = [process(&own, 501, 12.25), process(&other, 0, 7.5)].concat();
    let mut mac = Mac::new(&format!("{}\n{more}", scenario("m1")));
    let shown = mac.tick();
    let library = Library::open(Some(&mac._installed.library())).expect("a library");
    let key_of = |subject: &Subject| {
        let is_it = |row: &Row<'_>| row.key().0 == u64::from(subject.0.id());
        shown.rows(FamilyId::Process).find(is_it).expect("in the table").key()
    };

    for subject in [&own, &other] {
        let key = key_of(subject);
        let wrong = [
            Key(key.0, key.1 + 1),
            Key(key.0, 0),
            Key(u64::from(std::process::id()), key.1),
            Key(u64::MAX, key.1),
        ];
        for wrong in wrong {
            let sent = control::send(&library, wrong, libc::SIGKILL).map_err(SignalError::from);
            assert!(matches!(sent, Err(SignalError::Gone)), "{wrong:?}: {sent:?}");
            let stepped = control::step_nice(&library, wrong, 1);
            assert!(matches!(stepped, Err(ScheduleError::Gone)), "{wrong:?}: {stepped:?}");
        }
        // Numbers that mean a whole group, or everybody.
        for group in [Key(0, 0), Key(0, key.1)] {
            let sent = control::send(&library, group, libc::SIGKILL).map_err(SignalError::from);
            assert!(matches!(sent, Err(SignalError::Denied)), "{sent:?}");
        }
    }
    assert!(own.runs() && other.runs());

    let key = key_of(&own);
    let begin = other.nice();
    // The made-up one has a nice value of 0; up is what everybody may go from wherever this test is.
    assert_eq!(control::step_nice(&library, key, 19).expect("ours"), 19);
    assert_eq!(own.nice(), 19, "as the kernel has it");
    assert_eq!(control::step_nice(&library, key, i32::MAX).expect("ours"), 20);
    let foreign = control::step_nice(&library, key_of(&other), 1);
    assert!(matches!(foreign, Err(ScheduleError::Foreign)), "{foreign:?}");
    assert_eq!(other.nice(), begin);

    control::send(&library, key, libc::SIGTERM).expect("sent");
    let ended = own.0.wait().expect("ended");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(libc::SIGTERM));
    // Of others' processes the start is told by another call.
    control::send(&library, key_of(&other), libc::SIGKILL).expect("sent");
    let ended = other.0.wait().expect("ended");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(libc::SIGKILL));
}
