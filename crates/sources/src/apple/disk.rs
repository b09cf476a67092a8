//! Block devices: one for each driver of the registry.

use std::sync::Arc;

use retop_model::family::disk;
use retop_model::{FamilyId, Key};

use super::library::Library;
use super::{registry, storage};
use crate::source::{Problem, Read, Source};

pub struct Disk {
    library: Arc<Library>,
}

impl Disk {
    pub fn new(library: &Arc<Library>) -> Disk {
        Disk { library: Arc::clone(library) }
    }
}

impl Source for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Disk]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Disk) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let drivers = registry::services(&self.library, "IOBlockStorageDriver");
        let none = drivers.is_empty();
        let mut table = read.table(FamilyId::Disk);
        for driver in drivers {
            let Some(id) = driver.id() else { continue };
            let Some(counted) = storage::counted(&driver.some(&["Statistics"])) else { continue };
            let medium = driver.children("IOService").into_iter().find_map(|child| {
                let told = child.some(&["Whole", "BSD Name", "Size"]);
                Some((storage::medium(&told)?, child.name()))
            });
            let Some(((name, size), model)) = medium else { continue };
            let milliseconds = |ns: Option<u64>| ns.map(|ns| ns / 1_000_000);
            let model = model.map(|model| model.trim_end_matches(" Media").to_owned());
            table
                .push(Key(id, 0))
                .text(disk::device, name)
                .text_if(disk::model, model)
                .set(disk::read_bytes, counted.read_bytes)
                .set(disk::written_bytes, counted.written_bytes)
                .set(disk::reads_completed, counted.reads)
                .set(disk::writes_completed, counted.writes)
                .set(disk::read_time_seconds, milliseconds(counted.read_ns))
                .set(disk::write_time_seconds, milliseconds(counted.write_ns))
                .set(disk::size_bytes, size)
                .set(disk::kind, 0_i64);
        }
        read.give(table, begin);
        if none {
            return Err(Problem::absent("no IOBlockStorageDriver in the registry"));
        }
        Ok(())
    }
}
