//! What the screen may do to the processes of the machine that is watched, and see of each.

use std::fmt::Display;
use std::sync::Arc;

use retop_engine::{
    Affinity, CpuSet, Inspection, Inspector, IoPriority, Part, RealClock, Roots, affinity,
    io_priority, send_signal, set_affinity, set_io_priority, step_nice,
};
use retop_model::Key;

use crate::run::looks;
use crate::settings::Settings;
use crate::tui::Control;
use crate::tui::terminal::Waker;

/// The processes of a machine: those of this one can be changed, those of a tree of files looked
/// into, and those of a made-up machine do not exist.
pub struct Processes {
    is_live: bool,
    inspector: Option<Inspector>,
}

impl Processes {
    /// Those of the machine that is watched. Answers wake the screen.
    #[must_use]
    pub fn new(settings: &Settings, waker: Waker) -> Processes {
        let is_made_of_files = settings.source.is_none();
        let inspector = is_made_of_files.then(|| {
            let roots = Roots::below(&settings.root);
            Inspector::new(&roots, Arc::new(RealClock), Box::new(move || waker.wake()))
        });
        Processes { is_live: looks::is_live(settings), inspector }
    }

    fn act<T, E: Display>(&self, act: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
        if !self.is_live {
            return Err("this machine is made up: nobody lives there".to_owned());
        }
        act().map_err(|error| error.to_string())
    }
}

impl Control for Processes {
    fn send(&self, key: Key, signal: i32) -> Result<(), String> {
        self.act(|| send_signal(key, signal))
    }

    fn step_nice(&self, key: Key, by: i32) -> Result<i32, String> {
        self.act(|| step_nice(key, by))
    }

    fn io_priority(&self, key: Key) -> Result<IoPriority, String> {
        self.act(|| io_priority(key))
    }

    fn set_io_priority(&self, key: Key, priority: IoPriority) -> Result<(), String> {
        self.act(|| set_io_priority(key, priority))
    }

    fn affinity(&self, key: Key) -> Result<Affinity, String> {
        self.act(|| affinity(key))
    }

    fn set_affinity(&self, key: Key, allow: &CpuSet, forbid: &CpuSet) -> Result<(), String> {
        self.act(|| set_affinity(key, allow, forbid))
    }

    fn ask(&self, key: Key, part: Part) -> Result<(), String> {
        match &self.inspector {
            Some(inspector) => {
                inspector.ask(key, part);
                Ok(())
            }
            None => Err("this machine is made up: there is no more to see of it".to_owned()),
        }
    }

    fn answer(&self) -> Option<Arc<Inspection>> {
        self.inspector.as_ref()?.answer()
    }
}
