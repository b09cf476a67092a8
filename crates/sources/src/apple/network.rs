//! Network interfaces, by the messages of the routing socket: their counters are 64 bits wide.

use std::sync::Arc;

use retop_model::family::network;
use retop_model::{FamilyId, Key, Text};

use super::layout::{self, IFF_LOOPBACK, IFF_RUNNING, IFF_UP};
use super::library::Library;
use super::system;
use crate::source::{Problem, Read, Source};

pub struct Network {
    library: Arc<Library>,
}

impl Network {
    pub fn new(library: &Arc<Library>) -> Network {
        Network { library: Arc::clone(library) }
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    (parts.len() == 6).then(|| parts.join(":"))
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
        let begin = read.now_ns();
        let Some(messages) = system::interfaces(&self.library) else {
            return Err(Problem::failing("sysctl NET_RT_IFLIST2 gives no interfaces"));
        };
        let mut table = read.table(FamilyId::Network);
        for of in layout::interfaces(&messages) {
            let link = match (of.flags & IFF_UP != 0, of.flags & IFF_RUNNING != 0) {
                (true, true) => 0_i64,
                (true, false) => 2,
                (false, _) => 1,
            };
            let speed = Some(of.bits_per_second / 8).filter(|&speed| speed > 0);
            table
                .push(Key::named(&of.name))
                .text(network::device, Text::new(&of.name))
                .text_if(network::address, address(&of.address))
                .set(network::receive_bytes, of.receive_bytes)
                .set(network::transmit_bytes, of.transmit_bytes)
                .set(network::receive_packets, of.receive_packets)
                .set(network::transmit_packets, of.transmit_packets)
                .set(network::receive_errors, of.receive_errors)
                .set(network::transmit_errors, of.transmit_errors)
                .set(network::receive_dropped, of.receive_dropped)
                .set(network::speed_bytes_per_second, speed)
                .set(network::link, link)
                .set(network::loopback, of.flags & IFF_LOOPBACK != 0)
                .set(network::mtu_bytes, of.mtu);
        }
        read.give(table, begin);
        Ok(())
    }
}
