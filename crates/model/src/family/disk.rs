//! Block devices.

family! {
    /// Block devices: whole disks, partitions, and the dm and md devices on top of them.
    Disk "disk" "disks" many
    text {
        /// Kernel name, such as `nvme0n1`.
        device: Label,
        /// Model, or the name of the dm or md device.
        model: Info,
        /// Devices that are built on this one, separated by spaces.
        holders: Info,
        /// Whole disk that a partition belongs to.
        parent: Info,
    }
    raw {
        /// Bytes read.
        read_bytes: Counter Bytes { label: "RD" },
        /// Bytes written.
        written_bytes: Counter Bytes { label: "WR" },
        /// Bytes discarded.
        discarded_bytes: Counter Bytes { scraped: false },
        /// Reads completed.
        reads_completed: Counter Count,
        /// Writes completed.
        writes_completed: Counter Count,
        /// Flushes completed.
        flushes_completed: Counter Count { scraped: false },
        /// Time that reads took, summed over requests in flight together.
        read_time_seconds: Counter Seconds / 1000,
        /// Time that writes took, summed over requests in flight together.
        write_time_seconds: Counter Seconds / 1000,
        /// Time with at least one request in flight.
        io_time_seconds: Counter Seconds / 1000,
        /// Time of requests in flight, each counted: the queue's integral.
        io_time_weighted_seconds: Counter Seconds / 1000 { scraped: false },
        /// Requests in flight at the moment of the read.
        io_in_progress: Gauge Count { label: "NOW" },
        /// Size of the device.
        size_bytes: Gauge Bytes { scraped: false, label: "SIZE" },
        /// Whole disk, partition, or a device made of others.
        kind: State ["disk", "partition", "dm", "md", "loop", "zram"] Count { scraped: false, label: "KIND" },
        /// 1 for spinning platters, 0 for flash.
        rotational: Gauge Count { scraped: false },
    }
    derived {
        /// Bytes read per second.
        read_bytes_per_second: BytesPerSecond { label: "RD/s" } = |d| d.rate(read_bytes);
        /// Bytes written per second.
        written_bytes_per_second: BytesPerSecond { label: "WR/s" } = |d| d.rate(written_bytes);
        /// Reads per second.
        reads_per_second: PerSecond { label: "R/s" } = |d| d.rate(reads_completed);
        /// Writes per second.
        writes_per_second: PerSecond { label: "W/s" } = |d| d.rate(writes_completed);
        /// Share of the interval with a request in flight; says little of devices that serve many at once.
        utilization_ratio: Ratio { label: "BUSY" } = |d| Some(d.rate(io_time_seconds)?.min(1.0));
        /// Mean time of a read.
        read_latency_seconds: Seconds { label: "RLAT" } = |d| d.increase_per(read_time_seconds, reads_completed);
        /// Mean time of a write.
        write_latency_seconds: Seconds { label: "WLAT" } = |d| d.increase_per(write_time_seconds, writes_completed);
        /// Mean time of a request of either kind: iostat's await.
        latency_seconds: Seconds { label: "AWAIT" } = |d| {
            let requests = d.increase(reads_completed)? + d.increase(writes_completed)?;
            let time = d.increase(read_time_seconds)? + d.increase(write_time_seconds)?;
            (requests > 0.0).then(|| time / requests)
        };
        /// Mean size of a request of either kind: iostat's areq-sz.
        request_bytes: Bytes { label: "AREQ" } = |d| {
            let requests = d.increase(reads_completed)? + d.increase(writes_completed)?;
            let bytes = d.increase(read_bytes)? + d.increase(written_bytes)?;
            (requests > 0.0).then(|| bytes / requests)
        };
        /// Mean number of requests in flight.
        queue_length: Count { label: "QUEUE" } = |d| d.rate(io_time_weighted_seconds);
    }
}
