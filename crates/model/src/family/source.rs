//! The sources themselves: what could be read, what could not, why, and what asking costs.

use super::FamilyId;
use crate::snapshot::Row;

/// A source gave what it has.
pub const WORKS: i64 = 0;
/// The machine has no such thing.
pub const ABSENT: i64 = 1;
/// The thing is there and retop may not read it.
pub const DENIED: i64 = 2;
/// The device sleeps and is left asleep.
pub const ASLEEP: i64 = 3;
/// Reading failed.
pub const FAILING: i64 = 4;
/// The read has not come back in time; the last good values stand, with their age.
pub const SLOW: i64 = 5;
/// Nobody asked for what it gives, so it was not read.
pub const UNASKED: i64 = 6;

/// True if a source feeds a family.
#[must_use]
pub fn feeds_family(row: Row<'_>, family: FamilyId) -> bool {
    row.shown(feeds).split([' ', ',']).any(|key| key == family.get().key)
}

family! {
    /// Sources: what could be read, what could not, why, and what asking costs.
    Source "source" "sources" many
    text {
        /// Name of the source.
        source: Label,
        /// What it feeds: JSON keys of families, separated by spaces.
        feeds: Info,
        /// Why it does not work, in a sentence.
        reason: Info,
        /// What would help: a command, a capability, a kernel option.
        hint: Info,
    }
    raw {
        /// How it stands with the source.
        state: State ["works", "absent", "denied", "asleep", "failing", "slow", "unasked"] Count { scraped: false, label: "STATE" },
        /// Duration of the last read.
        read_seconds: Gauge Seconds / 1000000 { label: "READ" },
        /// Time spent on reading since the start.
        read_time_seconds: Counter Seconds / 1000000,
        /// Reads since the start.
        reads: Counter Count { scraped: false, label: "READS" },
        /// Reads that failed since the start.
        errors: Counter Count { label: "ERR" },
        /// Time since the last good read.
        age_seconds: Gauge Seconds / 1000 { scraped: false, label: "AGE" },
        /// Rows that the last read gave.
        rows: Gauge Count { scraped: false, label: "ROWS" },
    }
    derived {
        /// 1 if the source worked before and now fails or does not answer.
        lost: Count = |d| {
            let worked = d.now(reads)? > d.now(errors)?;
            let state_now = d.raw(state)?;
            Some(f64::from(worked && (state_now == FAILING || state_now == SLOW)))
        };
        /// 1 if the source works, 0 if it is denied, failing or slow; missing where there is nothing to read.
        up: Count { scraped: true } = |d| match d.now(state)? as i64 {
            WORKS => Some(1.0),
            ABSENT | ASLEEP | UNASKED => None,
            _ => Some(0.0),
        };
        /// Share of the last interval spent on reading.
        read_ratio: Ratio { label: "COST" } = |d| d.rate(read_time_seconds);
    }
}
