//! What is read less often than at each tick.

/// True if that long has passed since it was read.
pub fn is_due(last_ns: Option<u64>, now_ns: u64, every_ns: u64) -> bool {
    // A tick may come a little early.
    last_ns.is_none_or(|last| now_ns.saturating_sub(last) + every_ns / 16 >= every_ns)
}
