//! Network interfaces: `/proc/net/dev`, and what `/sys/class/net` says of each.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use retop_model::family::network;
use retop_model::{FamilyId, Field, Key, Text};

use super::file::{self, KeptFile};
use super::parse::{self, Fields};
use crate::roots::Roots;
use crate::source::{Problem, Read, Source};

/// The states of `network::link`, in the order of its declaration.
const UP: u32 = 0;
const DOWN: u32 = 1;
const DORMANT: u32 = 2;
const UNKNOWN: u32 = 3;

/// Interfaces whose link state is read at each tick, in rotation: all of them on most machines, and
/// a bounded part where every container has one.
const LINKS_PER_READ: usize = 8;

/// Looks at a link between two at what changes more seldom still.
const LOOKS_PER_CHECK: u32 = 16;

/// The bit of `flags` that marks a loopback interface.
const IFF_LOOPBACK: u64 = 0x8;

/// The network interfaces.
pub(crate) struct Network {
    sys: PathBuf,
    dev: KeptFile,
    text: Vec<u8>,
    known: HashMap<Vec<u8>, Facts>,
    /// The number of this read.
    reads: u64,
}

/// What changes hardly ever.
#[derive(Debug)]
struct Facts {
    key: Key,
    device: Text,
    address: Option<Text>,
    loopback: Option<bool>,
    mtu: Option<i64>,
    link: Option<u32>,
    speed_bytes_per_second: Option<i64>,
    /// The read in which it was last seen.
    seen: u64,
    /// The read in which its link was last looked at.
    looked: u64,
    /// How often it was.
    looks: u32,
}

impl Network {
    pub(crate) fn new(roots: &Roots) -> Network {
        Network {
            sys: roots.sys.clone(),
            dev: KeptFile::records(roots.proc.join("net/dev")),
            text: Vec::new(),
            known: HashMap::new(),
            reads: 0,
        }
    }

    /// Looks at those links again that were not looked at for longest.
    fn rotate(&mut self) {
        let mut oldest: Vec<_> = self.known.iter_mut().collect();
        oldest.sort_unstable_by_key(|(_, facts)| facts.looked);
        for (name, facts) in oldest.into_iter().take(LINKS_PER_READ) {
            facts.looked = self.reads;
            facts.look(&folder(&self.sys, name));
        }
    }
}

impl Source for Network {
    fn name(&self) -> &'static str {
        "network"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Network]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Network) {
            return Err(Problem::unasked());
        }
        self.reads += 1;
        self.rotate();
        let begin = read.now_ns();
        let mut table = read.table(FamilyId::Network);
        let text = self.dev.text(&mut self.text)?;
        if !text.starts_with(b"Inter-|") {
            return Err(self.dev.without("heading of interfaces"));
        }
        for counters in parse::lines(text).skip(2).filter_map(Counters::parse) {
            let facts = match self.known.get_mut(counters.name) {
                Some(facts) => facts,
                None => {
                    let facts = Facts::read(&self.sys, counters.name, self.reads);
                    self.known.entry(counters.name.to_vec()).insert_entry(facts).into_mut()
                }
            };
            facts.seen = self.reads;
            let mut row = table.push(facts.key);
            row.text(network::device, facts.device.clone())
                .text_if(network::address, facts.address.clone())
                .set(network::speed_bytes_per_second, facts.speed_bytes_per_second)
                .set(network::link, facts.link)
                .set(network::loopback, facts.loopback)
                .set(network::mtu_bytes, facts.mtu);
            for (field, number) in NUMBERS.into_iter().zip(counters.numbers) {
                if let Some(field) = field {
                    row.set(field, number);
                }
            }
        }
        read.give(table, begin);
        self.known.retain(|_, facts| facts.seen == self.reads);
        Ok(())
    }
}

/// The numbers of a line, in their order.
const NUMBERS: [Option<Field>; 12] = [
    Some(network::receive_bytes),
    Some(network::receive_packets),
    Some(network::receive_errors),
    Some(network::receive_dropped),
    None, // overruns, part of the errors
    None, // framing errors, part of the errors
    None, // compressed
    Some(network::receive_multicast),
    Some(network::transmit_bytes),
    Some(network::transmit_packets),
    Some(network::transmit_errors),
    Some(network::transmit_dropped),
];

/// A line of `/proc/net/dev`.
#[derive(Debug)]
struct Counters<'a> {
    name: &'a [u8],
    numbers: [Option<u64>; NUMBERS.len()],
}

impl<'a> Counters<'a> {
    /// A long number touches the colon, so the line is cut there.
    fn parse(line: &'a [u8]) -> Option<Counters<'a>> {
        let colon = line.iter().rposition(|&byte| byte == b':')?;
        let (name, numbers) = line.split_at(colon);
        let name = name.trim_ascii();
        let mut fields = Fields::new(numbers.get(1..)?);
        let numbers = [(); NUMBERS.len()].map(|()| fields.number());
        (!name.is_empty()).then_some(Counters { name, numbers })
    }
}

fn folder(sys: &Path, name: &[u8]) -> PathBuf {
    sys.join("class/net").join(OsStr::from_bytes(name))
}

impl Facts {
    fn read(sys: &Path, name: &[u8], now: u64) -> Facts {
        let folder = folder(sys, name);
        // Never used twice in a network namespace, while names are.
        let index = file::number(&folder.join("ifindex")).map_or(0, i64::cast_unsigned);
        let flags = file::short(&folder.join("flags")).ok();
        let mut facts = Facts {
            key: Key(Key::named(name).0, index),
            device: Text::new(name),
            address: None,
            loopback: flags
                .and_then(|flags| parse::hexadecimal(&flags))
                .map(|flags| flags & IFF_LOOPBACK != 0),
            mtu: None,
            link: None,
            speed_bytes_per_second: None,
            seen: now,
            looked: now,
            looks: 0,
        };
        facts.look(&folder);
        facts
    }

    /// Reads what can change under a running interface.
    fn look(&mut self, folder: &Path) {
        let before = self.link;
        self.link = file::short(&folder.join("operstate")).ok().map(|state| match &state[..] {
            b"up" => UP,
            b"dormant" => DORMANT,
            b"unknown" => UNKNOWN,
            // notpresent, lowerlayerdown, testing: none of them carries packets.
            _ => DOWN,
        });
        let changed = self.link != before;
        if changed || self.looks.is_multiple_of(LOOKS_PER_CHECK) {
            self.check(folder);
        }
        self.looks = self.looks.wrapping_add(1);
        // Asking for the speed takes the lock of the whole network configuration and may ask the
        // hardware, so it is asked once for each change of the link. A link that is down has none
        // (EINVAL), one that does not know says -1.
        if changed {
            let megabits = file::number(&folder.join("speed")).filter(|&speed| speed > 0);
            self.speed_bytes_per_second = megabits.and_then(|speed| speed.checked_mul(125_000));
        }
    }

    /// Reads what can change without a change of the link, and hardly does.
    fn check(&mut self, folder: &Path) {
        self.mtu = file::number(&folder.join("mtu"));
        let address = file::short(&folder.join("address")).unwrap_or_default();
        if self.address.as_ref().is_none_or(|known| known.raw() != address) {
            self.address = (!address.is_empty()).then(|| Text::new(&address));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retop_model::family::source::{ABSENT, FAILING};

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    const HEADING: &str =
        "Inter-|   Receive            |  Transmit\n face |bytes    packets errs\n";

    fn machine() -> Tree {
        let tree = Tree::new(&[
            ("sys/class/net/lo/flags", "0x9\n"),
            ("sys/class/net/lo/operstate", "unknown\n"),
            ("sys/class/net/lo/ifindex", "1\n"),
            ("sys/class/net/eth0/flags", "0x1003\n"),
            ("sys/class/net/eth0/operstate", "up\n"),
            ("sys/class/net/eth0/ifindex", "2\n"),
            ("sys/class/net/eth0/mtu", "1500\n"),
            ("sys/class/net/eth0/speed", "1000\n"),
            ("sys/class/net/eth0/address", "02:00:00:00:00:01\n"),
        ]);
        let lines = "    lo:    50       5    0    0    0     0          0         0     50       5    0    0    0     0       0          0\n\
              eth0:9223372036854775808 10 1 2 3 4 5 6 700 8 9 10 11 12 13 14\n";
        tree.write("proc/net/dev", format!("{HEADING}{lines}"));
        tree
    }

    fn by_name<'a>(
        snapshot: &'a retop_model::Snapshot,
        name: &str,
    ) -> Option<retop_model::Row<'a>> {
        snapshot.rows(FamilyId::Network).find(|row| row.shown(network::device) == name)
    }

    #[test]
    fn counters_and_links() {
        let taken = read_once(&mut Network::new(&machine().roots()));
        assert_eq!(taken.result, Ok(()));
        let eth0 = by_name(&taken.snapshot, "eth0").unwrap();
        for (field, value) in [
            (network::receive_bytes, i64::MAX as f64),
            (network::receive_packets, 10.0),
            (network::receive_errors, 1.0),
            (network::receive_dropped, 2.0),
            (network::receive_multicast, 6.0),
            (network::transmit_bytes, 700.0),
            (network::transmit_packets, 8.0),
            (network::transmit_errors, 9.0),
            (network::transmit_dropped, 10.0),
            (network::speed_bytes_per_second, 125e6),
            (network::mtu_bytes, 1500.0),
            (network::loopback, 0.0),
        ] {
            assert_eq!(eth0.get(field), Some(value), "{}", field.name());
        }
        assert_eq!(eth0.state(network::link), Some("up"));
        assert_eq!(eth0.shown(network::address), "02:00:00:00:00:01");
        let lo = by_name(&taken.snapshot, "lo").unwrap();
        assert_eq!(lo.get(network::loopback), Some(1.0));
        assert_eq!(lo.get(network::speed_bytes_per_second), None);
        assert_eq!(lo.state(network::link), Some("unknown"));
    }

    #[test]
    fn a_link_that_changes_is_seen() {
        let tree = machine();
        let (mut source, mut bench) = (Network::new(&tree.roots()), Bench::new());
        bench.read(&mut source);
        tree.write("sys/class/net/eth0/operstate", "lowerlayerdown\n");
        tree.write("sys/class/net/eth0/speed", "-1\n");
        let snapshot = bench.read(&mut source).snapshot;
        let eth0 = by_name(&snapshot, "eth0").unwrap();
        assert_eq!(eth0.state(network::link), Some("down"));
        assert_eq!(eth0.get(network::speed_bytes_per_second), None);
        tree.write("proc/net/dev", HEADING);
        assert_eq!(bench.read(&mut source).snapshot.rows(FamilyId::Network).len(), 0);
        assert!(source.known.is_empty());
    }

    #[test]
    fn a_thousand_interfaces_are_looked_at_in_turn() {
        let tree = Tree::new(&[]);
        let names = || (0..1000).map(|number| format!("veth{number}"));
        let lines: String = names().map(|name| format!("{name}: 1 2 3\n")).collect();
        tree.write("proc/net/dev", format!("{HEADING}{lines}"));
        let (mut source, mut bench) = (Network::new(&tree.roots()), Bench::new());
        for read in 1..=3u64 {
            assert_eq!(bench.read(&mut source).snapshot.rows(FamilyId::Network).len(), 1000);
            let looked = source.known.values().filter(|facts| facts.looked == read).count();
            assert_eq!(looked, if read == 1 { 1000 } else { LINKS_PER_READ });
        }
    }

    #[test]
    fn garbage_and_no_file() {
        for text in ["", "Inter", "\u{0}", "eth0: 1 2 3\n"] {
            let tree = Tree::new(&[("proc/net/dev", text)]);
            let result = read_once(&mut Network::new(&tree.roots())).result;
            assert_eq!(result.unwrap_err().state, FAILING, "{text:?}");
        }
        let text = format!("{HEADING}:\n : 1\neth0\n x:1:2 -3 99999999999999999999\n");
        let tree = Tree::new(&[("proc/net/dev", &text)]);
        let snapshot = read_once(&mut Network::new(&tree.roots())).snapshot;
        assert_eq!(snapshot.rows(FamilyId::Network).len(), 1);
        let row = by_name(&snapshot, "x:1").unwrap();
        assert_eq!(row.get(network::receive_bytes), Some(2.0));
        assert_eq!(row.get(network::receive_packets), None);
        let nothing = read_once(&mut Network::new(&Tree::new(&[]).roots())).result;
        assert_eq!(nothing.unwrap_err().state, ABSENT);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(bytes: Vec<u8>) {
            let named = Counters::parse(&bytes).is_none_or(|counters| !counters.name.is_empty());
            prop_assert!(named);
        }
    }
}
