//! Interfaces, protocols and sockets.

use std::io;

use crate::spec::{Interface, Spec};
use crate::tree::Tree;

pub fn write(spec: &Spec, tree: &Tree) -> io::Result<()> {
    let now = spec.now();
    let mut dev = String::from(
        "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|\
         bytes    packets errs drop fifo colls carrier compressed\n",
    );
    for interface in &spec.interfaces {
        dev += &format!(
            "{:>6}: {} {} 0 {} 0 0 0 0 {} {} 0 0 0 0 0 0\n",
            interface.name,
            interface.received_bytes * now,
            interface.received_packets * now,
            interface.received_drops * now,
            interface.sent_bytes * now,
            interface.sent_packets * now,
        );
        folder(interface, tree)?;
    }
    for (path, text) in [
        ("dev", dev),
        ("snmp", snmp(now)),
        ("netstat", netstat(now)),
        ("sockstat", SOCKSTAT.to_owned()),
        ("sockstat6", "TCP6: inuse 3\nUDP6: inuse 2\nRAW6: inuse 0\n".to_owned()),
    ] {
        tree.file(&format!("proc/net/{path}"), &text)?;
        tree.file(&format!("proc/self/net/{path}"), &text)?;
    }
    Ok(())
}

const SOCKSTAT: &str = "sockets: used 312
TCP: inuse 14 orphan 0 tw 5 alloc 21 mem 3
UDP: inuse 6 mem 2
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0
";

fn snmp(now: u64) -> String {
    let (received, sent) = (now * 420, now * 380);
    format!(
        "Ip: Forwarding DefaultTTL InReceives\nIp: 2 64 {received}\n\
         Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets \
         CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n\
         Tcp: 1 200 120000 -1 {} {} {} {} 14 {received} {sent} {} 0 {} 0\n\
         Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n\
         Udp: {} 3 0 {} 0 0\n",
        now * 2,
        now * 3,
        now / 20,
        now / 30,
        now,
        now / 10,
        now * 7,
        now * 6,
    )
}

fn netstat(now: u64) -> String {
    format!(
        "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPLostRetransmit TCPTimeouts \
         TCPSynRetrans\nTcpExt: 0 {} {} 0 {} {}\n\
         IpExt: InOctets OutOctets\nIpExt: {} {}\n",
        now / 500,
        now / 400,
        now / 25,
        now / 50,
        now * 200_000,
        now * 90_000,
    )
}

fn folder(interface: &Interface, tree: &Tree) -> io::Result<()> {
    let name = interface.name;
    let bus = if name == "lo" { "virtual" } else { "pci0000:00/0000:00:1f.6" };
    let device = format!("{bus}/net/{name}");
    let folder = format!("sys/devices/{device}");
    let state = match (name, interface.up) {
        ("lo", _) => "unknown",
        (_, true) => "up",
        (_, false) => "down",
    };
    let kind = if name == "lo" { "772" } else { "1" };
    let values = [
        ("operstate", state),
        ("address", interface.address),
        ("mtu", if name == "lo" { "65536" } else { "1500" }),
        ("type", kind),
        ("carrier", if interface.up { "1" } else { "0" }),
    ];
    tree.attributes(&folder, &values)?;
    if let Some(speed) = interface.speed {
        tree.attributes(&folder, &[("speed", &speed.to_string()), ("duplex", "full")])?;
    }
    if interface.wireless {
        tree.folder(&format!("{folder}/wireless"))?;
    }
    if name != "lo" {
        tree.link(&format!("{folder}/device"), "../..")?;
    }
    tree.class("net", name, &device)
}
