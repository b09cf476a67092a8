//! The battery and the adapter in the registry.

use super::value::Value;

/// What the battery's node says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Battery {
    pub model: Option<String>,
    pub percent: Option<u64>,
    /// Milliampere-hours.
    pub left_mah: Option<u64>,
    pub full_mah: Option<u64>,
    pub design_mah: Option<u64>,
    pub millivolts: Option<u64>,
    /// Below 0 while it is discharged.
    pub milliamperes: Option<i64>,
    pub celsius: Option<f64>,
    pub cycles: Option<u64>,
    pub is_charging: Option<bool>,
    pub is_full: Option<bool>,
    pub is_connected: Option<bool>,
    pub adapter_watts: Option<u64>,
    pub adapter_name: Option<String>,
}

impl Battery {
    pub fn of(node: &Value) -> Option<Battery> {
        if node.flag_at("BatteryInstalled") == Some(false) {
            return None;
        }
        let adapter = node.get("AdapterDetails");
        let battery = Battery {
            model: node.text_at("DeviceName"),
            percent: share(node),
            left_mah: node.count_at("AppleRawCurrentCapacity"),
            full_mah: node
                .count_at("NominalChargeCapacity")
                .or_else(|| node.count_at("AppleRawMaxCapacity")),
            design_mah: node.count_at("DesignCapacity"),
            millivolts: node.count_at("Voltage"),
            milliamperes: node
                .integer_at("InstantAmperage")
                .or_else(|| node.integer_at("Amperage")),
            celsius: node.integer_at("Temperature").map(|hundredths| hundredths as f64 / 100.0),
            cycles: node.count_at("CycleCount"),
            is_charging: node.flag_at("IsCharging"),
            is_full: node.flag_at("FullyCharged"),
            is_connected: node.flag_at("ExternalConnected"),
            adapter_watts: adapter.and_then(|adapter| adapter.count_at("Watts")),
            adapter_name: adapter.and_then(|adapter| adapter.text_at("Name")),
        };
        (battery.percent.is_some() || battery.millivolts.is_some()).then_some(battery)
    }

    /// Microwatts that flow, out or in.
    pub fn microwatts(&self) -> Option<u64> {
        Some(self.millivolts?.saturating_mul(self.milliamperes?.unsigned_abs()))
    }

    /// Microjoules that so many milliampere-hours are at the present voltage.
    pub fn microjoules(&self, mah: Option<u64>) -> Option<u64> {
        Some(mah?.saturating_mul(self.millivolts?).saturating_mul(3_600))
    }

    /// The place among the states of the battery family.
    pub fn status(&self) -> Option<i64> {
        match (self.is_charging?, self.is_full, self.is_connected) {
            (true, _, _) => Some(0),
            (false, Some(true), _) => Some(3),
            (false, _, Some(true)) => Some(2),
            (false, _, Some(false)) => Some(1),
            _ => Some(4),
        }
    }
}

/// Charge in percent; the capacities are percents on these machines.
fn share(node: &Value) -> Option<u64> {
    let (now, full) = (node.count_at("CurrentCapacity")?, node.count_at("MaxCapacity")?);
    let percent = now.checked_mul(100)?.checked_div(full)?;
    (percent <= 100).then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{fixture, registry};

    #[test]
    fn the_recorded_battery_is_full_and_plugged_in() {
        let Some(text) = fixture("m1-macbookair10-1/ioreg-battery.txt") else { return };
        let node = registry(&text).remove(0);
        let battery = Battery::of(&node.properties).expect("a battery");
        assert_eq!((battery.percent, battery.cycles), (Some(100), Some(1)));
        assert_eq!((battery.full_mah, battery.design_mah), (Some(4382), Some(4382)));
        assert_eq!((battery.millivolts, battery.celsius), (Some(12_963), Some(29.64)));
        assert_eq!((battery.microwatts(), battery.status()), (Some(0), Some(3)));
        assert_eq!((battery.adapter_watts, battery.left_mah), (Some(30), Some(4349)));
        assert_eq!(battery.microjoules(Some(4382)), Some(4382 * 12_963 * 3_600));
    }

    #[test]
    fn a_negative_current_comes_as_a_huge_number() {
        let node = Value::Dictionary(vec![
            ("CurrentCapacity".to_owned(), Value::Integer(40)),
            ("MaxCapacity".to_owned(), Value::Integer(100)),
            ("Voltage".to_owned(), Value::Integer(12_000)),
            ("Amperage".to_owned(), Value::Integer(18_446_744_073_709_550_616_u64.cast_signed())),
            ("IsCharging".to_owned(), Value::Bool(false)),
            ("ExternalConnected".to_owned(), Value::Bool(false)),
        ]);
        let battery = Battery::of(&node).expect("a battery");
        assert_eq!(battery.milliamperes, Some(-1000));
        assert_eq!((battery.microwatts(), battery.status()), (Some(12_000_000), Some(1)));
        assert_eq!(Battery::of(&Value::Dictionary(Vec::new())), None, "a desktop");
        let none = Value::Dictionary(vec![("BatteryInstalled".to_owned(), Value::Bool(false))]);
        assert_eq!(Battery::of(&none), None);
    }
}
