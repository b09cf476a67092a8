//! Made-up machines that need no files: demos, screens, documentation, soak tests. Also the porting
//! guide: this is all that a platform has to give.

use retop_model::FamilyId;

use crate::machine::{Machine, MachineError};
use crate::source::{Problem, Read, Source};

/// Opens a simulation.
pub fn open(name: &str) -> Result<Machine, MachineError> {
    Err(MachineError::UnknownSimulation(name.to_owned(), Vec::new()))
}

/// Stands in for a platform that retop cannot read yet.
#[cfg_attr(target_os = "linux", allow(dead_code))]
pub struct Unsupported;

impl Source for Unsupported {
    fn name(&self) -> &'static str {
        "platform"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[]
    }

    fn read(&mut self, _: &mut Read<'_>) -> Result<(), Problem> {
        Err(Problem::absent(format!("retop has no sources for {} yet", std::env::consts::OS))
            .hint("simulations work everywhere: retop --source sim:NAME"))
    }
}
