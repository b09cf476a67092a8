//! Who the machine is, how long it has been up, and its load.

use std::sync::Arc;

use retop_model::family::host;
use retop_model::{FamilyId, Key, Text};

use super::layout;
use super::library::Library;
use super::system;
use crate::source::{Problem, Read, Source};

pub struct Host {
    library: Arc<Library>,
    facts: Option<Facts>,
}

/// What stays until the next boot.
struct Facts {
    os: Option<Text>,
    kernel: Option<Text>,
    machine: Option<Text>,
    cpu_model: Option<Text>,
    boot_id: Option<Text>,
    virtualization: Option<Text>,
    /// Symbols that this system lacks, as one text.
    missing: Option<String>,
}

impl Facts {
    fn read(library: &Library) -> Facts {
        let text = |name: &str| system::text(library, name);
        let version = text("kern.osproductversion").map(|version| match text("kern.osversion") {
            Some(build) => format!("macOS {version} ({build})"),
            None => format!("macOS {version}"),
        });
        let missing = library.symbols.missing().join(", ");
        let is_virtual = system::number(library, "kern.hv_vmm_present") == Some(1);
        Facts {
            os: version.map(Text::from),
            kernel: text("kern.osrelease").map(|release| Text::from(format!("Darwin {release}"))),
            machine: text("hw.machine").map(Text::from),
            cpu_model: text("machdep.cpu.brand_string").map(Text::from),
            boot_id: text("kern.bootsessionuuid").map(Text::from),
            virtualization: is_virtual.then(|| Text::from("virtual machine")),
            missing: Some(missing).filter(|missing| !missing.is_empty()),
        }
    }
}

impl Host {
    pub fn new(library: &Arc<Library>) -> Host {
        Host { library: Arc::clone(library), facts: None }
    }
}

impl Source for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Host]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Host) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let facts = self.facts.get_or_insert_with(|| Facts::read(&self.library));
        let boot_us =
            system::bytes(&self.library, "kern.boottime").and_then(|of| layout::time_us(&of));
        let wall_ms = u64::try_from(read.clock().now().wall_ms).unwrap_or(0);
        let load = system::bytes(&self.library, "vm.loadavg").and_then(|of| layout::load(&of));
        let [one, five, fifteen] = load.map_or([None; 3], |load| load.map(Some));
        let mut table = read.table(FamilyId::Host);
        table
            .push(Key::ONE)
            .text_if(host::name, system::text(&self.library, "kern.hostname"))
            .text_if(host::os, facts.os.clone())
            .text_if(host::kernel, facts.kernel.clone())
            .text_if(host::architecture, facts.machine.clone())
            .text_if(host::cpu_model, facts.cpu_model.clone())
            .text_if(host::boot_id, facts.boot_id.clone())
            .text_if(host::virtualization, facts.virtualization.clone())
            .set(host::boot_time_seconds, boot_us.map(|us| us / 1_000))
            .set(host::uptime_seconds, boot_us.and_then(|us| wall_ms.checked_sub(us / 1_000)))
            .set(host::load_1m, one)
            .set(host::load_5m, five)
            .set(host::load_15m, fifteen);
        read.give(table, begin);
        let problem = facts.missing.as_ref().map(|missing| {
            Problem::absent(format!("not in the libraries of this system: {missing}"))
        });
        read.report("host/symbols", "", problem);
        Ok(())
    }
}
