//! TCP and UDP of the network namespace.

use crate::metric::{named, series};

family! {
    /// TCP connections by state, and what TCP and UDP counted.
    Tcp "tcp" "tcp" one
    text {}
    raw {
        /// Connections established.
        established: Gauge Count { series: series("tcp_connections", "state", "established") },
        /// Sockets that listen.
        listening: Gauge Count { series: series("tcp_connections", "state", "listen"), scraped: false },
        /// Connections closed here and kept until the last packets have died.
        time_wait: Gauge Count { series: series("tcp_connections", "state", "time_wait") },
        /// Connections that the other side closed and a program here did not.
        close_wait: Gauge Count { series: series("tcp_connections", "state", "close_wait") },
        /// Connections being opened from here.
        syn_sent: Gauge Count { series: series("tcp_connections", "state", "syn_sent"), scraped: false },
        /// Connections being opened from outside.
        syn_received: Gauge Count { series: series("tcp_connections", "state", "syn_recv"), scraped: false },
        /// Connections in another state of closing.
        closing: Gauge Count { series: series("tcp_connections", "state", "closing"), scraped: false },
        /// Sockets in use by TCP, in every state but time-wait.
        in_use: Gauge Count { series: named("tcp_sockets_in_use"), scraped: false },
        /// Connections without a program that owns them.
        orphaned: Gauge Count { series: named("tcp_sockets_orphaned"), scraped: false },
        /// Memory that TCP buffers take.
        memory_bytes: Gauge Bytes { scraped: false },
        /// Sockets in use by UDP.
        udp_in_use: Gauge Count { series: named("udp_sockets_in_use"), scraped: false },
        /// Connections opened from here.
        active_opens: Counter Count { scraped: false },
        /// Connections accepted.
        passive_opens: Counter Count { scraped: false },
        /// Segments received.
        segments_in: Counter Count { scraped: false },
        /// Segments sent, repeats excluded.
        segments_out: Counter Count { scraped: false },
        /// Segments sent again.
        retransmits: Counter Count,
        /// Connections reset while established.
        resets: Counter Count { scraped: false },
        /// Connections dropped because a listening socket's queue was full.
        listen_drops: Counter Count,
        /// UDP datagrams dropped because a receive buffer was full or the checksum was wrong.
        udp_errors: Counter Count { series: named("udp_errors"), scraped: false },
    }
    derived {
        /// Segments sent again per second.
        retransmits_per_second: PerSecond = |d| d.rate(retransmits);
        /// Segments sent again for each segment sent.
        retransmit_ratio: Ratio = |d| d.increase_per(retransmits, segments_out);
        /// Connections opened or accepted per second.
        opens_per_second: PerSecond = |d| Some(d.rate(active_opens)? + d.rate(passive_opens)?);
    }
}
