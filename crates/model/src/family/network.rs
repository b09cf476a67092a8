//! Network interfaces.

family! {
    /// Network interfaces of the network namespace that retop runs in.
    Network "network" "networks" many
    text {
        /// Name of the interface.
        device: Label,
        /// Hardware address.
        address: Info,
    }
    raw {
        /// Bytes received.
        receive_bytes: Counter Bytes,
        /// Bytes sent.
        transmit_bytes: Counter Bytes,
        /// Packets received.
        receive_packets: Counter Count,
        /// Packets sent.
        transmit_packets: Counter Count,
        /// Packets received with an error.
        receive_errors: Counter Count,
        /// Packets that could not be sent for an error.
        transmit_errors: Counter Count,
        /// Packets received and dropped.
        receive_dropped: Counter Count,
        /// Packets dropped before they were sent.
        transmit_dropped: Counter Count,
        /// Multicast packets received.
        receive_multicast: Counter Count { scraped: false },
        /// Speed that the link was negotiated at.
        speed_bytes_per_second: Gauge BytesPerSecond { label: "SPEED" },
        /// State of the link.
        link: State ["up", "down", "dormant", "unknown"] Count { scraped: false, label: "LINK" },
        /// 1 for the loopback interface.
        loopback: Gauge Count { scraped: false },
        /// Longest packet.
        mtu_bytes: Gauge Bytes { scraped: false },
    }
    derived {
        /// Bytes received per second.
        receive_bytes_per_second: BytesPerSecond { label: "RX/s" } = |d| d.rate(receive_bytes);
        /// Bytes sent per second.
        transmit_bytes_per_second: BytesPerSecond { label: "TX/s" } = |d| d.rate(transmit_bytes);
        /// Packets received per second.
        receive_packets_per_second: PerSecond { label: "RXP/s" } = |d| d.rate(receive_packets);
        /// Packets sent per second.
        transmit_packets_per_second: PerSecond { label: "TXP/s" } = |d| d.rate(transmit_packets);
        /// Packets dropped per second, both ways.
        dropped_per_second: PerSecond { label: "DROP/s" } =
            |d| Some(d.rate(receive_dropped)? + d.rate(transmit_dropped)?);
        /// Packets with errors per second, both ways.
        errors_per_second: PerSecond { label: "ERR/s" } =
            |d| Some(d.rate(receive_errors)? + d.rate(transmit_errors)?);
        /// The busier direction as a share of the link's speed.
        utilization_ratio: Ratio { label: "BUSY" } = |d| {
            let busier = d.rate(receive_bytes)?.max(d.rate(transmit_bytes)?);
            Some(busier / d.now(speed_bytes_per_second).filter(|&speed| speed > 0.0)?)
        };
    }
}
