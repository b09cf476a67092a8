//! What memory is used for, as macOS accounts for it.

/// The uses that nothing can reclaim: what Activity Monitor calls used.
pub const CLAIMED: [&str; 3] = ["app", "wired", "compressed"];

family! {
    /// Uses of memory, as macOS accounts for them.
    MemoryUse "memory_use" "memory_uses" many
    text {
        /// The use: `app` (of programs, and nothing may throw it away), `wired` (must stay where it is), `compressed` (what the compressor takes), `cached` (files, and what may be thrown away), `free`.
        usage: Label,
    }
    raw {
        /// Memory that the use takes.
        memory_bytes: Gauge Bytes { label: "SIZE" },
        /// What is stored in it, before compression.
        stored_bytes: Gauge Bytes { scraped: false, label: "STORED" },
    }
    derived {}
}
