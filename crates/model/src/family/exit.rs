//! Processes that ended, as the kernel reports them.

family! {
    /// Processes that ended since the last sample, those among them that no sample ever saw.
    Exit "exit" "exits" many
    text {
        /// Name of the program.
        name: Info { label: "NAME" },
    }
    raw {
        /// Process identifier, free for others by now.
        pid: Gauge Count { label: "PID", scraped: false },
        /// Process identifier of the parent.
        parent_pid: Gauge Count { label: "PPID", scraped: false },
        /// Number of the user that the process ran as.
        user_id: Gauge Count { label: "UID", scraped: false },
        /// Exit code, if the process ended by itself.
        exit_code: Gauge Count { label: "EXIT", scraped: false },
        /// Signal that ended the process.
        signal: Gauge Count { label: "SIG", scraped: false },
        /// Time from start to end.
        elapsed_seconds: Gauge Seconds / 1000000 { label: "AGE", scraped: false },
        /// CPU time in user code, all threads together.
        user_seconds: Gauge Seconds / 1000000 { label: "UTIME", scraped: false },
        /// CPU time in the kernel, all threads together.
        system_seconds: Gauge Seconds / 1000000 { label: "STIME", scraped: false },
        /// Most memory that was ever resident.
        peak_resident_bytes: Gauge Bytes { label: "RES", scraped: false },
        /// Bytes read from disks, all threads together.
        read_bytes: Gauge Bytes { label: "READ", scraped: false },
        /// Bytes that it made the kernel write to disks, at once or later, all threads together.
        written_bytes: Gauge Bytes { label: "WRITTEN", scraped: false },
        /// Bytes handed to write calls, to caches and pipes too, all threads together.
        write_call_bytes: Gauge Bytes { label: "WCHAR", scraped: false },
        /// Page faults that read from a disk.
        major_faults: Gauge Count { label: "MAJFLT", scraped: false },
    }
    derived {
        /// CPU time of the whole life.
        cpu_seconds: Seconds { label: "TIME" } =
            |d| Some(d.now(user_seconds)? + d.now(system_seconds)?);
    }
}
