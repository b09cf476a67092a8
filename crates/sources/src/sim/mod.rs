//! Made-up machines that need no files: demos, screens, documentation, soak tests.
//!
//! # Porting guide
//!
//! This is also the smallest complete platform, and so the place to start from for a new one:
//!
//! 1. A platform is a function that returns a list of [`Source`]s (here [`open`]); nothing else
//!    of retop knows that it exists.
//! 2. A source names the families it feeds. For each that is wanted it takes an empty table, pushes
//!    a row per entity under a key that no other entity will ever have, sets what it read as
//!    integers in the declared resolution, and gives the table back (`tables.rs`).
//! 3. What was not read is not set. What cannot be read is a [`Problem`] with a reason and, where
//!    there is one, what would help.
//! 4. Nothing is computed: rates, shares and sums are formulas of the model.
//! 5. Time comes from the clock of the [`Read`]; paths and libraries come in as arguments.
//!
//! # How a made-up machine works
//!
//! Script time is the monotonic time since the first read. Each whole second the [`World`] decides
//! what everybody does (`population.rs`, by the phases of `script.rs`) and what that means for
//! cores, disks and memory (`hardware.rs`, `memory.rs`). Every counter is the integral of such
//! rates, so that a machine looks the same whenever and however often it is read.

mod flow;
mod gpu;
mod groups;
mod hardware;
mod machine_laptop;
mod machine_llm;
mod machine_server;
mod machine_small;
mod machine_web;
mod memory;
mod noise;
mod population;
mod program;
mod script;
mod spec;
mod tables;
mod tables_process;
#[cfg(test)]
mod tests;
mod world;

use std::sync::{Arc, Mutex, PoisonError};

use retop_model::FamilyId;

use crate::machine::{Machine, MachineError};
use crate::source::{Problem, Read, Source};
use spec::Spec;
use world::World;

/// Describes a machine anew.
type Describe = fn() -> Spec;

/// Every simulation: its name, and what it is built of.
const MACHINES: &[(&str, Describe)] = &[
    ("web-incident", machine_web::spec),
    ("laptop", machine_laptop::spec),
    ("server-512", machine_server::spec),
    ("linux-h100", machine_llm::spec),
    ("small", machine_small::small),
    ("hostile", machine_small::hostile),
];

/// A part of a made-up machine that is a source by itself.
struct Part {
    name: &'static str,
    feeds: &'static [FamilyId],
    fill: fn(&World, &mut Read<'_>),
    /// False for hardware that the machine does not have.
    is_there: fn(&Spec) -> bool,
}

const PARTS: &[Part] = &[
    Part {
        name: "host",
        feeds: &[FamilyId::Host, FamilyId::Task],
        fill: tables::host,
        is_there: |_| true,
    },
    Part {
        name: "processor",
        feeds: &[FamilyId::Cpu, FamilyId::Core, FamilyId::IdleState, FamilyId::Interrupt],
        fill: tables::processor,
        is_there: |_| true,
    },
    Part {
        name: "pressure",
        feeds: &[FamilyId::Pressure],
        fill: tables::pressure,
        is_there: |_| true,
    },
    Part { name: "memory", feeds: &[FamilyId::Memory], fill: tables::memory, is_there: |_| true },
    Part {
        name: "limits",
        feeds: &[FamilyId::Limit],
        fill: tables::limits,
        is_there: |spec| spec.limit.is_some(),
    },
    Part {
        name: "disks",
        feeds: &[FamilyId::Disk, FamilyId::Filesystem],
        fill: tables::disks,
        is_there: |_| true,
    },
    Part {
        name: "network",
        feeds: &[FamilyId::Network, FamilyId::Tcp],
        fill: tables::network,
        is_there: |_| true,
    },
    Part {
        name: "sensors",
        feeds: &[FamilyId::Sensor],
        fill: tables::sensors,
        is_there: |spec| !spec.sensors.is_empty(),
    },
    Part {
        name: "power",
        feeds: &[FamilyId::Power],
        fill: tables::power,
        is_there: |spec| !spec.power.is_empty(),
    },
    Part {
        name: "battery",
        feeds: &[FamilyId::Battery],
        fill: tables::battery,
        is_there: |spec| spec.battery.is_some(),
    },
    Part {
        name: "gpus",
        feeds: &[FamilyId::Gpu, FamilyId::GpuProcess],
        fill: gpu::gpus,
        is_there: |spec| !spec.gpus.is_empty(),
    },
    Part {
        name: "cgroups",
        feeds: &[FamilyId::Cgroup],
        fill: tables_process::groups,
        is_there: |_| true,
    },
    Part {
        name: "processes",
        feeds: &[FamilyId::Process, FamilyId::Thread],
        fill: tables_process::processes,
        is_there: |_| true,
    },
];

/// The names that `open` knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    MACHINES.iter().map(|(name, _)| *name)
}

/// Opens a simulation.
///
/// # Errors
///
/// [`MachineError::UnknownSimulation`] with the names that are known.
pub fn open(name: &str) -> Result<Machine, MachineError> {
    let Some((name, spec)) = MACHINES.iter().find(|(known, _)| *known == name) else {
        return Err(MachineError::UnknownSimulation(name.to_owned(), names().collect()));
    };
    let spec = spec();
    let there: Vec<&'static Part> = PARTS.iter().filter(|part| (part.is_there)(&spec)).collect();
    let world = Arc::new(Mutex::new(World::new(spec)));
    let source = |part| Box::new(Simulated { part, world: Arc::clone(&world) }) as Box<dyn Source>;
    Ok(Machine { name: format!("sim:{name}"), sources: there.into_iter().map(source).collect() })
}

/// One source of a made-up machine; all of them look at the same world.
struct Simulated {
    part: &'static Part,
    world: Arc<Mutex<World>>,
}

impl Source for Simulated {
    fn name(&self) -> &'static str {
        self.part.name
    }

    fn feeds(&self) -> &'static [FamilyId] {
        self.part.feeds
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        // A world that another thread left half-way is still a world.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(read.clock().now());
        (self.part.fill)(&world, read);
        Ok(())
    }
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
