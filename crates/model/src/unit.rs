//! The closed set of units. A new unit is a decision, not a typo.

/// What a metric's number counts. Every value that leaves the model is in one of these base units;
/// people see GiB, MHz and percent only on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A plain number of things: processes, forks, connections.
    Count,
    /// A share from 0 to 1. May pass 1 where the text says so (CPU of a process: 1 = one CPU).
    Ratio,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Things per second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Hertz.
    Hertz,
    /// Degrees Celsius.
    Celsius,
    /// Watts.
    Watts,
    /// Joules.
    Joules,
    /// Volts.
    Volts,
    /// Amperes.
    Amperes,
    /// Revolutions per minute; the one unit kept as the whole field writes it.
    Rpm,
    /// Seconds since 1970-01-01 UTC.
    Timestamp,
}

impl Unit {
    /// The ending that a metric's name must carry, empty for plain counts.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Unit::Count => "",
            Unit::Ratio => "_ratio",
            Unit::Bytes => "_bytes",
            Unit::BytesPerSecond => "_bytes_per_second",
            Unit::PerSecond => "_per_second",
            Unit::Seconds => "_seconds",
            Unit::Hertz => "_hertz",
            Unit::Celsius => "_celsius",
            Unit::Watts => "_watts",
            Unit::Joules => "_joules",
            Unit::Volts => "_volts",
            Unit::Amperes => "_amperes",
            Unit::Rpm => "_rpm",
            Unit::Timestamp => "_time_seconds",
        }
    }

    /// The unit in words, as the documentation and OpenMetrics `# UNIT` lines give it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Count => "",
            Unit::Ratio => "ratio",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes_per_second",
            Unit::PerSecond => "per_second",
            Unit::Seconds | Unit::Timestamp => "seconds",
            Unit::Hertz => "hertz",
            Unit::Celsius => "celsius",
            Unit::Watts => "watts",
            Unit::Joules => "joules",
            Unit::Volts => "volts",
            Unit::Amperes => "amperes",
            Unit::Rpm => "rpm",
        }
    }
}
