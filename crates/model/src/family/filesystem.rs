//! Mounted file systems.

family! {
    /// Mounted file systems that have a device or a size of their own.
    Filesystem "filesystem" "filesystems" many
    text {
        /// Where it is mounted.
        mountpoint: Label,
        /// Device or source of the mount.
        device: Label,
        /// Type of the file system.
        fstype: Label,
    }
    raw {
        /// Size of the file system.
        size_bytes: Gauge Bytes { label: "SIZE" },
        /// Space free, the part reserved for root included.
        free_bytes: Gauge Bytes,
        /// Space that ordinary users can still fill.
        avail_bytes: Gauge Bytes { label: "AVAIL" },
        /// File nodes that exist or could.
        inodes: Gauge Count,
        /// File nodes that are free.
        inodes_free: Gauge Count,
        /// 1 for a file system mounted read-only.
        readonly: Gauge Count { scraped: false },
    }
    derived {
        /// Space in use.
        used_bytes: Bytes { label: "USED" } = |d| Some(d.now(size_bytes)? - d.now(free_bytes)?);
        /// Space in use as a share of what ordinary users can reach: df's number.
        used_ratio: Ratio { label: "USE%" } = |d| {
            let used = d.now(used_bytes)?;
            let reachable = used + d.now(avail_bytes)?;
            (reachable > 0.0).then(|| used / reachable)
        };
        /// File nodes in use as a share of all.
        inodes_used_ratio: Ratio { label: "INODE%" } = |d| {
            let all = d.now(inodes).filter(|&all| all > 0.0)?;
            Some(1.0 - d.now(inodes_free)? / all)
        };
        /// Bytes by which the free space shrank per second; negative where it grew.
        fill_bytes_per_second: BytesPerSecond { label: "FILL/s" } =
            |d| Some((0.0 - d.change(avail_bytes)?) / d.elapsed_seconds()?);
    }
}
