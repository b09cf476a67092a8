//! TCP and UDP: `/proc/net/{snmp,netstat,sockstat}` and the states of sockets.

use std::time::Duration;

use retop_model::family::tcp;
use retop_model::{FamilyId, Key};

use super::file::KeptFile;
use super::page::page_bytes;
use super::parse::{self, Fields};
use super::sock_diag::{self, Counts};
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// On a thread of its own and not at each tick: looking for sockets walks through the kernel's hash
/// table, once for each address family and however few sockets there are. 0.4 ms on a machine of
/// 24 GiB; large ones have half a million buckets.
const PACE: Duration = Duration::from_secs(5);

/// Sockets up to which each is counted. Beyond, those established and in time-wait, which make up
/// the crowd, are taken from the kernel's own counters.
const COUNT_EACH: u64 = 10_000;

/// Sockets up to which the text of `/proc/net/tcp` is read where there is no other way.
const READ_EACH: u64 = 1_000;

// The kernel's numbers of the states.
const ESTABLISHED: usize = 1;
const SYN_SENT: usize = 2;
const SYN_RECEIVED: usize = 3;
const FIN_WAIT_1: usize = 4;
const FIN_WAIT_2: usize = 5;
const TIME_WAIT: usize = 6;
const CLOSE_WAIT: usize = 8;
const LAST_ACK: usize = 9;
const LISTEN: usize = 10;
const CLOSING: usize = 11;
const NEW_SYN_RECEIVED: usize = 12;

/// Every state but CLOSE: sockets that have not been connected.
const ALL: u32 = 0b1_1111_0111_1110;
const CROWD: u32 = 1 << ESTABLISHED | 1 << TIME_WAIT;

/// TCP and UDP of the network namespace.
pub(crate) struct Tcp {
    is_real: bool,
    page_bytes: Option<u64>,
    snmp: KeptFile,
    snmp6: KeptFile,
    netstat: KeptFile,
    sockstat: KeptFile,
    sockstat6: KeptFile,
    /// The sockets one by one, in text.
    tables: [KeptFile; 2],
    text: Vec<u8>,
}

impl Tcp {
    pub(crate) fn new(roots: &Roots) -> Tcp {
        let whole = |path: &str| KeptFile::whole(roots.proc.join(path));
        let records = |path: &str| KeptFile::records(roots.proc.join(path));
        Tcp {
            is_real: roots.is_real(),
            page_bytes: page_bytes(roots),
            snmp: whole("net/snmp"),
            snmp6: whole("net/snmp6"),
            netstat: whole("net/netstat"),
            sockstat: whole("net/sockstat"),
            sockstat6: whole("net/sockstat6"),
            tables: [records("net/tcp"), records("net/tcp6")],
            text: Vec::new(),
        }
    }

    /// The sockets by state, those of the crowd among them or not; and why there are none.
    fn states(&mut self, sockets: Option<u64>) -> Result<States, Problem> {
        let with_crowd = sockets.is_some_and(|sockets| sockets <= COUNT_EACH);
        let mut refused = None;
        if self.is_real {
            match sock_diag::count(if with_crowd { ALL } else { ALL & !CROWD }) {
                Ok(counts) => return Ok(States { counts, with_crowd }),
                Err(error) => refused = Some(error),
            }
        }
        if sockets.is_none_or(|sockets| sockets > READ_EACH) {
            let reason = match refused {
                Some(error) => format!("socket diagnosis: {error}"),
                None => "too many sockets to read one by one".to_owned(),
            };
            return Err(Problem::failing(reason));
        }
        let mut counts = Counts::default();
        let [tcp, tcp6] = &mut self.tables;
        count_lines(tcp.text(&mut self.text)?, &mut counts);
        // Without IPv6 there is no such file.
        if let Ok(text) = tcp6.read(&mut self.text) {
            count_lines(text, &mut counts);
        }
        Ok(States { counts, with_crowd: true })
    }
}

impl Source for Tcp {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Tcp]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(PACE)
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Tcp) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let mut table = read.table(FamilyId::Tcp);
        let mut row = table.push(Key::ONE);

        let text = self.snmp.text(&mut self.text)?;
        let snmp = |group: &[u8], name: &[u8]| named(text, group, name);
        let current = snmp(b"Tcp:", b"CurrEstab");
        let udp_errors = snmp(b"Udp:", b"InErrors");
        let segments_in = snmp(b"Tcp:", b"InSegs");
        if segments_in.is_none() {
            return Err(self.snmp.without("line of TCP"));
        }
        row.set(tcp::active_opens, snmp(b"Tcp:", b"ActiveOpens"))
            .set(tcp::passive_opens, snmp(b"Tcp:", b"PassiveOpens"))
            .set(tcp::segments_in, segments_in)
            .set(tcp::segments_out, snmp(b"Tcp:", b"OutSegs"))
            .set(tcp::retransmits, snmp(b"Tcp:", b"RetransSegs"))
            .set(tcp::resets, snmp(b"Tcp:", b"EstabResets"));
        // TCP counts both address families together, UDP each by itself.
        let udp6_errors = self.snmp6.read(&mut self.text).ok().and_then(|text| {
            parse::lines(text).find_map(|line| {
                let mut fields = Fields::new(line);
                (fields.next()? == b"Udp6InErrors").then(|| fields.number())?
            })
        });
        row.set(tcp::udp_errors, sum(udp_errors, udp6_errors));
        if let Ok(text) = self.netstat.read(&mut self.text) {
            row.set(tcp::listen_drops, named(text, b"TcpExt:", b"ListenDrops"));
        }

        let used = self.sockstat.read(&mut self.text).map(Sockstat::parse).unwrap_or_default();
        let used6 = self.sockstat6.read(&mut self.text).map(Sockstat::parse).unwrap_or_default();
        let in_use = sum(used.tcp, used6.tcp);
        let memory = used.memory_pages.zip(self.page_bytes);
        row.set(tcp::in_use, in_use)
            .set(tcp::udp_in_use, sum(used.udp, used6.udp))
            .set(tcp::orphaned, used.orphaned)
            .set(tcp::memory_bytes, memory.map(|(pages, bytes)| pages.saturating_mul(bytes)));

        let states = self.states(sum(in_use, used.time_wait));
        let problem = match states {
            Ok(states) => {
                let of = |state: usize| states.counts.get(state).copied().unwrap_or(0);
                // CurrEstab counts close-wait too, as the MIB has it.
                let others = current.map(|all| all.saturating_sub(of(CLOSE_WAIT).into()));
                let crowd = |state, counter| {
                    if states.with_crowd { Some(of(state).into()) } else { counter }
                };
                row.set(tcp::established, crowd(ESTABLISHED, others))
                    .set(tcp::time_wait, crowd(TIME_WAIT, used.time_wait))
                    .set(tcp::listening, of(LISTEN))
                    .set(tcp::close_wait, of(CLOSE_WAIT))
                    .set(tcp::syn_sent, of(SYN_SENT))
                    .set(tcp::syn_received, of(SYN_RECEIVED) + of(NEW_SYN_RECEIVED))
                    .set(
                        tcp::closing,
                        of(FIN_WAIT_1) + of(FIN_WAIT_2) + of(LAST_ACK) + of(CLOSING),
                    );
                None
            }
            Err(problem) => {
                row.set(tcp::established, current).set(tcp::time_wait, used.time_wait);
                Some(problem)
            }
        };
        read.give(table, begin);
        read.report("tcp/states", "tcp", problem);
        Ok(())
    }
}

/// Sockets by state.
struct States {
    counts: Counts,
    /// Established and in time-wait are among them.
    with_crowd: bool,
}

/// Two parts of a sum; one of them may be missing, as without IPv6.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

/// A number out of a file in which a line of names is followed by a line of numbers.
fn named(text: &[u8], group: &[u8], name: &[u8]) -> Option<u64> {
    let mut lines = parse::lines(text).filter(|line| line.starts_with(group));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let place = Fields::new(names).position(|field| field == name)?;
    Fields::new(numbers).nth(place).and_then(parse::decimal)
}

/// What `sockstat` and `sockstat6` say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sockstat {
    tcp: Option<u64>,
    udp: Option<u64>,
    orphaned: Option<u64>,
    time_wait: Option<u64>,
    memory_pages: Option<u64>,
}

impl Sockstat {
    fn parse(text: &[u8]) -> Sockstat {
        let mut sockstat = Sockstat::default();
        for (protocol, values) in parse::lines(text).filter_map(parse::keyed) {
            let mut fields = Fields::new(values);
            while let Some(name) = fields.next() {
                let value = fields.number();
                match (protocol, name) {
                    (b"TCP" | b"TCP6", b"inuse") => sockstat.tcp = value,
                    (b"UDP" | b"UDP6", b"inuse") => sockstat.udp = value,
                    (b"TCP", b"orphan") => sockstat.orphaned = value,
                    (b"TCP", b"tw") => sockstat.time_wait = value,
                    (b"TCP", b"mem") => sockstat.memory_pages = value,
                    _ => {}
                }
            }
        }
        sockstat
    }
}

/// Counts the lines of `/proc/net/tcp` by their state, the fourth field.
fn count_lines(text: &[u8], counts: &mut Counts) {
    for line in parse::lines(text).skip(1) {
        let state = Fields::new(line).nth(3).and_then(parse::hexadecimal);
        let place = state.and_then(|state| counts.get_mut(usize::try_from(state).ok()?));
        if let Some(count) = place {
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retop_model::family::source::{ABSENT, FAILING};

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    const SNMP: &str = "Ip: Forwarding DefaultTTL\nIp: 2 64\n\
        Tcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens EstabResets CurrEstab InSegs OutSegs RetransSegs\n\
        Tcp: 1 -1 63 2 45 4 12335 7037 9\n\
        Udp: InDatagrams NoPorts InErrors\nUdp: 123 0 5\n\
        UdpLite: InDatagrams NoPorts InErrors\nUdpLite: 1 2 3\n";
    const SOCKSTAT: &str = "sockets: used 15\nTCP: inuse 6 orphan 1 tw 2 alloc 1 mem 122\n\
        UDP: inuse 3 mem 7\nUDPLITE: inuse 9\n";
    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n\
        \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n\
        \x20  1: 0100007F:1F90 0100007F:C350 01 00000000:00000000\n\
        \x20  2: 0100007F:1F90 0100007F:C351 08 00000000:00000000\n\
        \x20  3: 0100007F:1F90 0100007F:C352 05 00000000:00000000\n\
        \x20  4: 0100007F:1F90 0100007F:C353 FF 00000000:00000000\n\
        \x20  5: 0100\n";

    fn machine() -> Tree {
        Tree::new(&[
            ("proc/net/snmp", SNMP),
            ("proc/net/snmp6", "Ip6InReceives 1\nUdp6InErrors \t 2\n"),
            ("proc/net/netstat", "TcpExt: SyncookiesSent ListenDrops\nTcpExt: 1 17\n"),
            ("proc/net/sockstat", SOCKSTAT),
            ("proc/net/sockstat6", "TCP6: inuse 4\nUDP6: inuse 1\n"),
            ("proc/net/tcp", TABLE),
            ("proc/meminfo", "MemFree: 4000 kB\n"),
            ("proc/vmstat", "nr_free_pages 1000\n"),
        ])
    }

    #[test]
    fn counters_and_states() {
        let taken = read_once(&mut Tcp::new(&machine().roots()));
        assert_eq!(taken.result, Ok(()));
        for (field, value) in [
            (tcp::active_opens, 63.0),
            (tcp::segments_out, 7037.0),
            (tcp::retransmits, 9.0),
            (tcp::resets, 45.0),
            (tcp::udp_errors, 7.0),
            (tcp::listen_drops, 17.0),
            (tcp::in_use, 10.0),
            (tcp::udp_in_use, 4.0),
            (tcp::orphaned, 1.0),
            (tcp::memory_bytes, 122.0 * 4096.0),
            (tcp::established, 1.0),
            (tcp::listening, 1.0),
            (tcp::close_wait, 1.0),
            (tcp::closing, 1.0),
            (tcp::time_wait, 0.0),
        ] {
            assert_eq!(taken.snapshot.one(field), Some(value), "{}", field.name());
        }
    }

    #[test]
    fn a_busy_machine_is_not_read_socket_by_socket() {
        let tree = machine();
        tree.write("proc/net/sockstat", SOCKSTAT.replace("inuse 6", "inuse 100000"));
        let taken = read_once(&mut Tcp::new(&tree.roots()));
        assert_eq!(taken.snapshot.one(tcp::established), Some(4.0));
        assert_eq!(taken.snapshot.one(tcp::time_wait), Some(2.0));
        assert_eq!(taken.snapshot.one(tcp::listening), None);
        assert!(taken.reports[0].problem.is_some());
    }

    #[test]
    fn garbage_and_no_files() {
        let nothing = read_once(&mut Tcp::new(&Tree::new(&[]).roots())).result;
        assert_eq!(nothing.unwrap_err().state, ABSENT);
        for text in ["", "Tcp: InSegs\n", "Tcp: InSegs\nTcp: x\n", "Tcp:\nTcp:\n"] {
            let tree = Tree::new(&[("proc/net/snmp", text)]);
            let mut bench = Bench::new();
            let result = bench.read(&mut Tcp::new(&tree.roots())).result;
            assert_eq!(result.unwrap_err().state, FAILING, "{text:?}");
        }
        let tree = Tree::new(&[("proc/net/snmp", "Tcp: InSegs CurrEstab\nTcp: 5\n")]);
        let snapshot = read_once(&mut Tcp::new(&tree.roots())).snapshot;
        assert_eq!(snapshot.one(tcp::segments_in), Some(5.0));
        assert_eq!(snapshot.one(tcp::established), None);
    }

    #[test]
    fn every_state_has_its_bit() {
        let states = [
            ESTABLISHED,
            SYN_SENT,
            SYN_RECEIVED,
            FIN_WAIT_1,
            FIN_WAIT_2,
            TIME_WAIT,
            CLOSE_WAIT,
            LAST_ACK,
            LISTEN,
            CLOSING,
            NEW_SYN_RECEIVED,
        ];
        assert_eq!(states.iter().fold(0, |all, &state| all | 1 << state), ALL);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(bytes: Vec<u8>, cut in 0..SNMP.len()) {
            let mut text = SNMP.as_bytes()[..cut].to_vec();
            text.extend(&bytes);
            named(&text, b"Tcp:", b"InSegs");
            Sockstat::parse(&text);
            count_lines(&bytes, &mut Counts::default());
        }
    }
}
