//! Temperatures, fans, voltages and currents.

use crate::metric::{named, series};

family! {
    /// Sensors: each row holds the one kind of value that its sensor measures.
    Sensor "sensor" "sensors" many
    text {
        /// Chip or driver, with its device where two chips share a name.
        chip: Label,
        /// Name that the driver gives the sensor, such as `Package id 0`.
        sensor: Label,
    }
    raw {
        /// Temperature.
        temperature_celsius: Gauge Celsius / 1000 { series: named("temperature_celsius"), label: "NOW" },
        /// Temperature above which the driver calls the part hot.
        high_celsius: Gauge Celsius / 1000 { series: series("temperature_limit_celsius", "limit", "high"), label: "HIGH" },
        /// Temperature at which the part is in danger.
        critical_celsius: Gauge Celsius / 1000 { series: series("temperature_limit_celsius", "limit", "critical"), label: "CRIT" },
        /// Speed of a fan.
        fan_rpm: Gauge Rpm { series: named("fan_speed_rpm"), label: "SPEED" },
        /// Speed that a fan is told to have.
        fan_target_rpm: Gauge Rpm { scraped: false, label: "TARGET" },
        /// Lowest speed of a fan that turns.
        fan_minimum_rpm: Gauge Rpm { scraped: false, label: "MIN" },
        /// Highest speed of a fan.
        fan_maximum_rpm: Gauge Rpm { scraped: false, label: "MAX" },
        /// Voltage.
        voltage_volts: Gauge Volts / 1000 { series: named("voltage_volts"), label: "VOLTS" },
        /// Current.
        current_amperes: Gauge Amperes / 1000 { series: named("current_amperes"), label: "AMPERES" },
        /// 1 if the driver itself raises an alarm.
        alarm: Gauge Count,
    }
    derived {
        /// Degrees left to the critical temperature.
        headroom_celsius: Celsius { label: "LEFT" } =
            |d| Some(d.now(critical_celsius)? - d.now(temperature_celsius)?);
    }
}
