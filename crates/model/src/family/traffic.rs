//! What memory controllers move.

family! {
    /// Traffic of memory controllers: bytes that are counted, or time in steps of a histogram.
    Traffic "memory_traffic" "memory_traffic" many
    text {
        /// The controller: `all`, or that of a die.
        controller: Label,
    }
    raw {
        /// Bytes read.
        read_bytes: Counter Bytes { label: "RD" },
        /// Bytes written.
        written_bytes: Counter Bytes { label: "WR" },
        /// Bytes moved per second by a histogram of steps, each of which stands for its middle.
        stepped_bytes_per_second: Gauge BytesPerSecond { estimated: true },
        /// Width of those steps: an idle memory reads half of it.
        resolution_bytes_per_second: Gauge BytesPerSecond { scraped: false },
    }
    derived {
        /// Bytes moved per second.
        moved_bytes_per_second: BytesPerSecond { label: "MOVED" } = |d| {
            let counted = d.rate(read_bytes).and_then(|read| Some(read + d.rate(written_bytes)?));
            counted.or_else(|| d.now(stepped_bytes_per_second))
        };
    }
}
