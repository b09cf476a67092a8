//! Block devices: `/proc/diskstats`, and what `/sys/class/block` says of each.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use retop_model::family::disk;
use retop_model::{FamilyId, Field, Key, Text};

use super::file::{self, KeptFile};
use super::parse::{self, Fields};
use super::sysfs;
use crate::roots::Roots;
use crate::source::{Problem, Read, Source};

/// Whatever the device's own sectors are, diskstats and `size` count these.
const SECTOR_BYTES: u64 = 512;

/// The states of `disk::kind`, in the order of its declaration.
const DISK: u32 = 0;
const PARTITION: u32 = 1;
const DM: u32 = 2;
const MD: u32 = 3;
const LOOP: u32 = 4;
const ZRAM: u32 = 5;

/// Devices that exist by the dozen without being used: shown once they have served a request.
const IDLE_CROWD: [&str; 6] = ["loop", "ram", "zram", "nbd", "sr", "fd"];

/// The machine's block devices.
pub(crate) struct Disk {
    sys: PathBuf,
    diskstats: KeptFile,
    text: Vec<u8>,
    /// By kernel name.
    known: HashMap<Vec<u8>, Facts>,
    /// The number of this read, to tell which of the known are gone.
    reads: u64,
}

/// What stays while a device is there: some ten small files, so not for each tick.
#[derive(Debug)]
struct Facts {
    number: (u64, u64),
    key: Key,
    device: Text,
    model: Option<Text>,
    parent: Option<Text>,
    holders: Option<Text>,
    kind: u32,
    size_bytes: Option<u64>,
    rotational: Option<i64>,
    /// The read in which it was last seen.
    seen: u64,
    /// Its counter of reads then: it falls when the name passes to another device.
    reads_completed: Option<u64>,
}

impl Disk {
    pub(crate) fn new(roots: &Roots) -> Disk {
        Disk {
            sys: roots.sys.clone(),
            diskstats: KeptFile::records(roots.proc.join("diskstats")),
            text: Vec::new(),
            known: HashMap::new(),
            reads: 0,
        }
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
        let mut table = read.table(FamilyId::Disk);
        self.reads += 1;
        let (mut seen, mut changed) = (0, false);
        let text = self.diskstats.text(&mut self.text)?;
        let stats = || parse::lines(text).filter_map(Stats::parse);
        if !text.is_empty() && stats().next().is_none() {
            return Err(self.diskstats.without("block device"));
        }
        for stats in stats() {
            let same = self.known.get_mut(stats.name).filter(|facts| facts.still_fits(&stats));
            let facts = match same {
                Some(facts) => facts,
                None => {
                    changed = true;
                    let facts = Facts::read(&self.sys, &stats);
                    self.known.entry(stats.name.to_vec()).insert_entry(facts).into_mut()
                }
            };
            seen += usize::from(facts.seen != self.reads);
            (facts.seen, facts.reads_completed) = (self.reads, stats.numbers[0]);
            if stats.is_idle() && belongs_to_idle_crowd(stats.name) {
                continue;
            }
            let mut row = table.push(facts.key);
            row.text(disk::device, facts.device.clone())
                .text_if(disk::model, facts.model.clone())
                .text_if(disk::holders, facts.holders.clone())
                .text_if(disk::parent, facts.parent.clone())
                .set(disk::kind, facts.kind)
                .set(disk::size_bytes, facts.size_bytes)
                .set(disk::rotational, facts.rotational);
            for (field, number) in NUMBERS.into_iter().zip(stats.numbers) {
                if let Some((field, factor)) = field {
                    row.set(field, number.map(|number| number.saturating_mul(factor)));
                }
            }
        }
        read.give(table, begin);
        if seen < self.known.len() {
            changed = true;
            self.known.retain(|_, facts| facts.seen == self.reads);
        }
        if changed {
            // What came or went may be built on any of the others; shown from the next read on.
            for (name, facts) in &mut self.known {
                facts.holders = holders(&folder(&self.sys, name));
            }
        }
        Ok(())
    }
}

/// The numbers of a line in their order, with the factor that makes raw readings of them. Kernels
/// before 4.18 end before the discards, those before 5.5 before the flushes.
const NUMBERS: [Option<(Field, u64)>; 17] = [
    Some((disk::reads_completed, 1)),
    None, // reads merged
    Some((disk::read_bytes, SECTOR_BYTES)),
    Some((disk::read_time_seconds, 1)),
    Some((disk::writes_completed, 1)),
    None, // writes merged
    Some((disk::written_bytes, SECTOR_BYTES)),
    Some((disk::write_time_seconds, 1)),
    Some((disk::io_in_progress, 1)),
    Some((disk::io_time_seconds, 1)),
    Some((disk::io_time_weighted_seconds, 1)),
    None, // discards completed
    None, // discards merged
    Some((disk::discarded_bytes, SECTOR_BYTES)),
    None, // time of discards
    Some((disk::flushes_completed, 1)),
    None, // time of flushes
];

/// A line of `/proc/diskstats`.
#[derive(Debug)]
struct Stats<'a> {
    number: (u64, u64),
    name: &'a [u8],
    numbers: [Option<u64>; NUMBERS.len()],
}

impl<'a> Stats<'a> {
    fn parse(line: &'a [u8]) -> Option<Stats<'a>> {
        let mut fields = Fields::new(line);
        let number = (fields.number()?, fields.number()?);
        let name = fields.next()?;
        let numbers = [(); NUMBERS.len()].map(|()| fields.number());
        Some(Stats { number, name, numbers })
    }

    fn is_idle(&self) -> bool {
        self.numbers.iter().flatten().all(|&number| number == 0)
    }
}

/// True for `loop7`, not for `random`.
fn belongs_to_idle_crowd(name: &[u8]) -> bool {
    IDLE_CROWD.iter().any(|crowd| {
        name.strip_prefix(crowd.as_bytes())
            .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
    })
}

/// A device's folder. A slash in a name (`cciss/c0d0`) is an exclamation mark in sysfs.
fn folder(sys: &Path, name: &[u8]) -> PathBuf {
    let name: Vec<u8> = name.iter().map(|&byte| if byte == b'/' { b'!' } else { byte }).collect();
    sys.join("class/block").join(OsStr::from_bytes(&name))
}

fn text_of(path: &Path) -> Option<Text> {
    let bytes = file::short(path).ok()?;
    (!bytes.is_empty()).then(|| Text::new(&bytes))
}

fn holders(folder: &Path) -> Option<Text> {
    let names = sysfs::names(&folder.join("holders")).unwrap_or_default();
    (!names.is_empty()).then(|| Text::new(names.join(" ").as_bytes()))
}

impl Facts {
    fn read(sys: &Path, stats: &Stats<'_>) -> Facts {
        let folder = folder(sys, stats.name);
        let is_partition = folder.join("partition").exists();
        // The link ends in .../block/sda/sda1.
        let target = std::fs::read_link(&folder).ok().filter(|_| is_partition);
        let whole = target.as_deref().and_then(Path::parent).and_then(Path::file_name);
        let disk_folder = match whole {
            Some(whole) => sys.join("class/block").join(whole),
            None => folder.clone(),
        };
        let exists = |path: &str| folder.join(path).exists();
        let kind = if is_partition {
            PARTITION
        } else if exists("dm") {
            DM
        } else if exists("md") {
            MD
        } else if stats.name.starts_with(b"loop") {
            LOOP
        } else if stats.name.starts_with(b"zram") {
            ZRAM
        } else {
            DISK
        };
        let model = match kind {
            DM => text_of(&folder.join("dm/name")),
            MD => text_of(&folder.join("md/level")),
            // Memory cards have a name instead of a model.
            DISK => text_of(&folder.join("device/model"))
                .or_else(|| text_of(&folder.join("device/name"))),
            _ => None,
        };
        let (major, minor) = stats.number;
        // Since Linux 5.15 no two disks of a boot share this number, even under the same name.
        let sequence = file::number(&disk_folder.join("diskseq")).map_or(0, i64::cast_unsigned);
        let sectors = file::number(&folder.join("size"));
        Facts {
            number: stats.number,
            key: Key(major << 32 | minor & 0xffff_ffff, sequence),
            device: Text::new(stats.name),
            model,
            parent: whole.map(|name| Text::new(name.as_bytes())),
            holders: holders(&folder),
            kind,
            size_bytes: sectors
                .and_then(|sectors| u64::try_from(sectors).ok()?.checked_mul(SECTOR_BYTES)),
            rotational: file::number(&disk_folder.join("queue/rotational")),
            seen: 0,
            reads_completed: None,
        }
    }

    fn still_fits(&self, stats: &Stats<'_>) -> bool {
        self.number == stats.number && self.reads_completed <= stats.numbers[0]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retop_model::family::source::{ABSENT, FAILING};

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    const DISKSTATS: &str = "   8       0 sda 10 1 2048 30 20 2 4096 60 1 50 90 3 0 8 1 4 2\n\
           8       1 sda1 9 1 2040 29 20 2 4096 60 0 49 89\n\
         253       0 dm-0 9 0 2040 29 20 0 4096 60 0 49 89 0 0 0 0 0 0\n\
           9     127 md127 1 0 8 1 0 0 0 0 0 1 1\n\
           7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\
           7       1 loop1 5 0 40 1 0 0 0 0 0 1 1 0 0 0 0 0 0\n";

    fn machine() -> Tree {
        let sda = "sys/devices/pci0/block/sda";
        let tree = Tree::new(&[
            ("proc/diskstats", DISKSTATS),
            ("sys/class/block/sda", "-> ../../devices/pci0/block/sda"),
            ("sys/class/block/sda1", "-> ../../devices/pci0/block/sda/sda1"),
            ("sys/class/block/dm-0/dm/name", "vg-root\n"),
            ("sys/class/block/md127/md/level", "raid1\n"),
        ]);
        for (path, content) in [
            ("device/model", "Fast Disk  \n"),
            ("diskseq", "9\n"),
            ("size", "1000\n"),
            ("queue/rotational", "1\n"),
            ("sda1/partition", "1\n"),
            ("sda1/size", "900\n"),
            ("sda1/holders/dm-0/x", ""),
        ] {
            tree.write(&format!("{sda}/{path}"), content);
        }
        tree
    }

    #[test]
    fn disks_partitions_and_what_is_built_on_them() {
        let taken = read_once(&mut Disk::new(&machine().roots()));
        assert_eq!(taken.result, Ok(()));
        let rows: HashMap<_, _> =
            taken.snapshot.rows(FamilyId::Disk).map(|row| (row.shown(disk::device), row)).collect();
        assert_eq!(rows.len(), 5, "loop0 was never used");
        let kinds =
            ["sda", "sda1", "dm-0", "md127", "loop1"].map(|name| rows[name].state(disk::kind));
        assert_eq!(kinds, [Some("disk"), Some("partition"), Some("dm"), Some("md"), Some("loop")]);
        let (sda, sda1) = (rows["sda"], rows["sda1"]);
        assert_eq!(sda.shown(disk::model), "Fast Disk");
        assert_eq!((sda1.shown(disk::parent), sda1.shown(disk::holders)), ("sda", "dm-0"));
        assert_eq!(rows["dm-0"].shown(disk::model), "vg-root");
        assert_eq!(rows["md127"].shown(disk::model), "raid1");
        for (row, field, value) in [
            (sda, disk::read_bytes, Some(1048576.0)),
            (sda, disk::written_bytes, Some(2097152.0)),
            (sda, disk::discarded_bytes, Some(4096.0)),
            (sda, disk::flushes_completed, Some(4.0)),
            (sda, disk::io_in_progress, Some(1.0)),
            (sda, disk::io_time_seconds, Some(0.05)),
            (sda, disk::size_bytes, Some(512_000.0)),
            (sda1, disk::rotational, Some(1.0)),
            (sda1, disk::size_bytes, Some(460_800.0)),
            (sda1, disk::flushes_completed, None),
            (rows["dm-0"], disk::size_bytes, None),
        ] {
            assert_eq!(row.get(field), value, "{}", field.name());
        }
        assert_eq!((sda.key(), sda1.key()), (Key(8 << 32, 9), Key(8 << 32 | 1, 9)));
    }

    #[test]
    fn facts_are_kept_until_the_device_is_another() {
        let tree = machine();
        let (mut source, mut bench) = (Disk::new(&tree.roots()), Bench::new());
        bench.read(&mut source);
        let model = "sys/devices/pci0/block/sda/device/model";
        tree.write(model, "Other\n");
        let show = |taken: crate::linux::tree::Taken| {
            let rows = taken.snapshot;
            rows.row(FamilyId::Disk, 0).map(|row| row.shown(disk::model).to_owned())
        };
        // The disk comes first by key once loop1 and md127 (majors 7 and 9) are out of the way.
        tree.write("proc/diskstats", "8 0 sda 11 0 0 0 0 0 0 0 0 0 0\n");
        assert_eq!(show(bench.read(&mut source)).as_deref(), Some("Fast Disk"));
        assert_eq!(source.known.len(), 1);
        tree.write("proc/diskstats", "8 0 sda 3 0 0 0 0 0 0 0 0 0 0\n");
        assert_eq!(show(bench.read(&mut source)).as_deref(), Some("Other"));
    }

    #[test]
    fn a_new_holder_is_seen() {
        let tree = machine();
        tree.write("proc/diskstats", "8 1 sda1 1 0 0 0 0 0 0 0 0 0 0\n");
        let (mut source, mut bench) = (Disk::new(&tree.roots()), Bench::new());
        bench.read(&mut source);
        tree.write("sys/devices/pci0/block/sda/sda1/holders/dm-1/x", "");
        tree.write("proc/diskstats", "8 1 sda1 1 0 0 0 0 0 0 0 0 0 0\n253 1 dm-1 1\n");
        bench.read(&mut source);
        let snapshot = bench.read(&mut source).snapshot;
        let row = snapshot.row(FamilyId::Disk, 0).unwrap();
        assert_eq!(row.shown(disk::holders), "dm-0 dm-1");
    }

    #[test]
    fn no_disks_garbage_and_no_file() {
        let result = |text: &str| {
            let tree = Tree::new(&[("proc/diskstats", text)]);
            read_once(&mut Disk::new(&tree.roots())).result
        };
        assert_eq!(result(""), Ok(()));
        assert_eq!(result("\u{0}\u{0}\n8 x sda 1\n8 0\n").unwrap_err().state, FAILING);
        assert_eq!(result("8 0 ../.. 1 x 99999999999999999999 18446744073709551615\n"), Ok(()));
        let nothing = read_once(&mut Disk::new(&Tree::new(&[]).roots())).result;
        assert_eq!(nothing.unwrap_err().state, ABSENT);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(bytes: Vec<u8>) {
            if let Some(stats) = Stats::parse(&bytes) {
                prop_assert!(!stats.name.is_empty());
                Facts::read(Path::new("/nowhere"), &stats);
                belongs_to_idle_crowd(stats.name);
            }
        }
    }
}
