//! When memory of graphics processors runs out. [`crate::forecast`] works it out; what it was worked
//! out from stands beside it, so that a recording can tell how right it was.

use crate::metric::{named, series};

/// Positions in the states of `level`.
pub const NO_LEVEL: i64 = 0;
/// Full within half an hour.
pub const WATCH: i64 = 1;
/// Full within five minutes.
pub const WARNING: i64 = 2;
/// Full within a minute.
pub const CRITICAL: i64 = 3;

/// Positions in the states of `shape`.
pub const LOADING: i64 = 0;
/// Stays as it is.
pub const FLAT: i64 = 1;
/// Grows evenly.
pub const RAMP: i64 = 2;
/// Grows in jumps.
pub const STAIR: i64 = 3;
/// Goes up and down.
pub const SAW: i64 = 4;
/// Took its share at the start.
pub const PREALLOCATED: i64 = 5;

family! {
    /// Forecasts of memory of graphics processors: a row for each device, and for each process on it.
    GpuForecast "gpu_forecast" "gpu_forecasts" many
    text {
        /// Identity of the device.
        uuid: Label,
        /// Program that ended last while the device was full.
        victim: Info { label: "ENDED" },
    }
    raw {
        /// Process identifier; missing in the row of the device itself.
        pid: Gauge Count { label: "PID", scraped: false },
        /// When the process started, in time since boot.
        start_seconds: Gauge Seconds / 1000000 { scraped: false },
        /// How near the end is.
        level: State ["none", "watch", "warning", "critical"] Count { label: "LEVEL" },
        /// How the memory in use has behaved: what allocates it shows in that.
        shape: State ["loading", "flat", "ramp", "stair", "saw", "preallocated"] Count { label: "SHAPE", scraped: false },
        /// Memory in use that the forecast is about.
        used_bytes: Gauge Bytes { scraped: false },
        /// Memory of the device that was free.
        free_bytes: Gauge Bytes { scraped: false },
        /// Growth over the last ten seconds.
        short_growth_bytes_per_second: Gauge BytesPerSecond { label: "10s", scraped: false },
        /// Growth over the last minute.
        minute_growth_bytes_per_second: Gauge BytesPerSecond { label: "1m", scraped: false },
        /// Growth over the last five minutes.
        long_growth_bytes_per_second: Gauge BytesPerSecond { label: "5m", scraped: false },
        /// Lasting growth: the slope that one pair of moments in ten falls short of.
        slow_growth_bytes_per_second: Gauge BytesPerSecond { scraped: false },
        /// Lasting growth: the middle of the slopes between all pairs of moments.
        lasting_growth_bytes_per_second: Gauge BytesPerSecond { label: "LASTING" },
        /// Lasting growth: the slope that one pair of moments in ten exceeds.
        fast_growth_bytes_per_second: Gauge BytesPerSecond { scraped: false },
        /// Memory that is left above the peaks of the window.
        headroom_bytes: Gauge Bytes { scraped: false },
        /// Time until the memory is full, if it goes on as it lastingly grew.
        full_seconds: Gauge Seconds / 1000 { label: "FULL", series: series("gpu_forecast_full_seconds", "bound", "middle") },
        /// The earliest that it is likely to be full: nine ends in ten come between this and the latest.
        earliest_seconds: Gauge Seconds / 1000 { series: series("gpu_forecast_full_seconds", "bound", "earliest") },
        /// The latest that it is likely to be full; missing if it may never be.
        latest_seconds: Gauge Seconds / 1000 { series: series("gpu_forecast_full_seconds", "bound", "latest") },
        /// Share of the pairs of moments between which the memory grew.
        confidence_ratio: Gauge Ratio / 1000 { label: "SURE", scraped: false },
        /// Processes that ended within five seconds after the device was full of what had grown: probably for want of memory.
        victims: Counter Count { series: named("gpu_probable_ooms"), label: "OOM", estimated: true },
        /// Process identifier of the last of them.
        victim_pid: Gauge Count { scraped: false },
        /// Memory that it held last.
        victim_bytes: Gauge Bytes { scraped: false },
    }
    derived {
        /// Processes per second that ended while the device was full.
        victims_per_second: PerSecond { label: "OOM/s", estimated: true } = |d| d.rate(victims);
    }
}
