//! What a person does to processes: signals, priorities, CPUs.
//!
//! Each is meant for the processes that were on the screen when the key was pressed, by number and
//! start time. In the past too: who lives no more is told so, and nobody else is hit.

use std::fmt::Write as _;
use std::sync::Arc;

use retop_engine::{Affinity, CpuSet, Inspection, IoPriority, Part};
use retop_model::family::process;
use retop_model::{FamilyId, Key};

use super::app::{App, Message};
use super::dialog::{CpuDialog, IoDialog, Overlay, SignalDialog};
use super::keys::Action;

/// Who acts on processes and looks into them: this machine, or a test.
///
/// Each is done to that very process, never to another that took over its number, and to all its
/// threads. Errors are for people.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
pub trait Control {
    /// Sends a signal.
    fn send(&self, key: Key, signal: i32) -> Result<(), String>;

    /// Moves the nice value by that much; gives the new one.
    fn step_nice(&self, _: Key, _: i32) -> Result<i32, String> {
        Err(UNSUPPORTED.to_owned())
    }

    /// The I/O priority.
    fn io_priority(&self, _: Key) -> Result<IoPriority, String> {
        Err(UNSUPPORTED.to_owned())
    }

    /// Sets the I/O priority.
    fn set_io_priority(&self, _: Key, _: IoPriority) -> Result<(), String> {
        Err(UNSUPPORTED.to_owned())
    }

    /// The CPUs that the process may run on.
    fn affinity(&self, _: Key) -> Result<Affinity, String> {
        Err(UNSUPPORTED.to_owned())
    }

    /// Asks for a part of what can be read of the process. Never waits: see [`Control::answer`].
    fn ask(&self, _: Key, _: Part) -> Result<(), String> {
        Err("this machine is made up: there is no more to it".to_owned())
    }

    /// The newest answer, whoever it is of, if it was not given before.
    fn answer(&self) -> Option<Arc<Inspection>> {
        None
    }

    /// Lets the process run on the CPUs of `allow`, and not on those of `forbid`.
    fn set_affinity(&self, _: Key, _allow: &CpuSet, _forbid: &CpuSet) -> Result<(), String> {
        Err(UNSUPPORTED.to_owned())
    }
}

const UNSUPPORTED: &str = "processes cannot be changed here";

/// Processes that something shall be done to: bound when it is begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// By number and start time.
    pub keys: Vec<Key>,
    /// What they are called.
    pub title: String,
}

/// What became of an action on several processes.
struct Outcome<'a> {
    targets: &'a Targets,
    failed: Vec<(Key, String)>,
}

impl Targets {
    /// Does something to each of them.
    fn each(&self, mut act: impl FnMut(Key) -> Result<(), String>) -> Outcome<'_> {
        let failed =
            self.keys.iter().filter_map(|&key| Some((key, act(key).err()?))).collect::<Vec<_>>();
        Outcome { targets: self, failed }
    }
}

impl Outcome<'_> {
    /// What to tell: what was done, or what went wrong first and with how many.
    fn message(&self, done: String, past: bool) -> Message {
        let (all, failed) = (self.targets.keys.len(), self.failed.len());
        let Some((key, reason)) = self.failed.first() else {
            let text = if past { format!("{done}; still running now") } else { done };
            return Message { text, wrong: false };
        };
        let mut text = format!("{}: {reason}", key.0);
        if all > 1 {
            let _ = write!(text, " ({failed} of {all} failed)");
        }
        Message { text, wrong: true }
    }
}

impl App {
    /// What a key does that has to do with the processes themselves.
    pub(super) fn control(&mut self, action: Action, control: &dyn Control) {
        let Some(targets) = self.targets() else {
            if self.table.selected_group().is_some() {
                self.say("this is a group: Space tags its processes, Enter opens it".to_owned());
            }
            return;
        };
        match action {
            Action::NiceLower => self.renice(&targets, -1, control),
            Action::NiceHigher => self.renice(&targets, 1, control),
            Action::IoPriority => self.open_io(targets, control),
            Action::Affinity => self.open_cpus(targets, control),
            _ => self.overlay = Overlay::Signal(SignalDialog::new(targets)),
        }
    }

    /// The processes that are tagged, else the one under the cursor.
    pub(super) fn targets(&self) -> Option<Targets> {
        let now = self.now.as_ref()?;
        let keys = match self.table.tagged.as_slice() {
            [] => self.table.selected().into_iter().collect(),
            tagged => tagged.to_vec(),
        };
        let title = match keys.as_slice() {
            [] => return None,
            [key] => {
                let row = now.find(FamilyId::Process, *key);
                format!("{} {}", key.0, row.map_or("", |row| row.shown(process::name)))
            }
            keys => format!("{} tagged processes", keys.len()),
        };
        Some(Targets { keys, title })
    }

    fn tell_outcome(&mut self, outcome: &Outcome<'_>, done: String) {
        self.message = Some(outcome.message(done, self.rewind.is_some()));
    }

    fn renice(&mut self, targets: &Targets, by: i32, control: &dyn Control) {
        let mut last = None;
        let outcome = targets.each(|key| {
            last = Some(control.step_nice(key, by)?);
            Ok(())
        });
        let done = match last {
            Some(nice) if targets.keys.len() == 1 => format!("{}: nice is {nice}", targets.title),
            _ => format!("{}: nice {by:+}", targets.title),
        };
        self.tell_outcome(&outcome, done);
    }

    fn open_io(&mut self, targets: Targets, control: &dyn Control) {
        // Several need not agree.
        let mut present = targets.keys.iter().map(|&key| control.io_priority(key));
        let first = present.next().unwrap_or(Ok(IoPriority::None));
        let same = present.all(|other| other == first);
        let present = match first {
            Ok(priority) => same.then_some(priority),
            Err(reason) => {
                let key = targets.keys.first().map_or(0, |key| key.0);
                self.message = Some(Message { text: format!("{key}: {reason}"), wrong: true });
                return;
            }
        };
        self.overlay = Overlay::Io(IoDialog::new(targets, present));
    }

    fn open_cpus(&mut self, targets: Targets, control: &dyn Control) {
        let mut found: Option<Affinity> = None;
        for &key in &targets.keys {
            let cpus = match control.affinity(key) {
                Ok(cpus) => cpus,
                Err(reason) => {
                    let text = format!("{}: {reason}", key.0);
                    self.message = Some(Message { text, wrong: true });
                    return;
                }
            };
            found = Some(match found.take() {
                None => cpus,
                Some(others) => Affinity {
                    any: others.any.union(&cpus.any),
                    all: others.all.intersection(&cpus.all),
                },
            });
        }
        // CPUs are those of now, whatever moment is on the screen.
        let (Some(found), Some(newest)) = (found, &self.newest) else { return };
        self.overlay = Overlay::Cpus(CpuDialog::new(targets, newest, found));
    }

    /// Does what the dialog is for.
    pub(super) fn accept_control(&mut self, overlay: &Overlay, control: &dyn Control) {
        match overlay {
            Overlay::Signal(dialog) => {
                let Some(signal) = dialog.signals.get(dialog.at) else { return };
                let outcome = dialog.targets.each(|key| control.send(key, signal.number));
                let done = format!("SIG{} sent to {}", signal.name, dialog.targets.title);
                // The dialog said who still runs; now it may be otherwise.
                self.message = Some(outcome.message(done, false));
                self.table.tagged.clear();
            }
            Overlay::Io(dialog) => {
                let Some(priority) = dialog.chosen() else { return };
                let outcome = dialog.targets.each(|key| control.set_io_priority(key, priority));
                let done = format!("{}: I/O priority is {priority}", dialog.targets.title);
                self.tell_outcome(&outcome, done);
            }
            Overlay::Cpus(dialog) => {
                let (allow, forbid) = (dialog.allowed(), dialog.forbidden());
                if allow.is_empty() && forbid.is_empty() {
                    return self.say("the CPUs are as they were".to_owned());
                }
                let mut granted = None;
                let outcome = dialog.targets.each(|key| {
                    control.set_affinity(key, &allow, &forbid)?;
                    // What the kernel made of it: a control group may allow fewer.
                    granted = control.affinity(key).ok();
                    Ok(())
                });
                let done = match granted {
                    Some(cpus) if dialog.targets.keys.len() == 1 => {
                        format!("{}: runs on CPU {}", dialog.targets.title, cpus.any)
                    }
                    _ => format!("{}: the CPUs are set", dialog.targets.title),
                };
                self.tell_outcome(&outcome, done);
            }
            _ => {}
        }
    }
}
