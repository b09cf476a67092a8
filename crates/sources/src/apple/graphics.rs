//! The graphics processor in the registry: how many cores, how busy by its driver, and who used it.

use super::value::Value;

/// What the accelerator's node says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accelerator {
    pub model: Option<String>,
    pub cores: Option<u64>,
    /// Percent, at the moment.
    pub device_percent: Option<u64>,
    pub renderer_percent: Option<u64>,
    pub tiler_percent: Option<u64>,
    /// Memory of the machine that graphics use, and that is set aside for them.
    pub used_bytes: Option<u64>,
    pub allocated_bytes: Option<u64>,
    /// Times that the processor hung and was started again.
    pub recoveries: Option<u64>,
}

impl Accelerator {
    pub fn of(node: &Value) -> Accelerator {
        let statistics = node.get("PerformanceStatistics");
        let percent = |key: &str| statistics?.count_at(key).filter(|&percent| percent <= 100);
        let count = |key: &str| statistics?.count_at(key);
        Accelerator {
            model: node.text_at("model"),
            cores: node.count_at("gpu-core-count").or_else(|| {
                node.get("GPUConfigurationVariable").and_then(|of| of.count_at("num_cores"))
            }),
            device_percent: percent("Device Utilization %"),
            renderer_percent: percent("Renderer Utilization %"),
            tiler_percent: percent("Tiler Utilization %"),
            used_bytes: count("In use system memory"),
            allocated_bytes: count("Alloc system memory"),
            recoveries: count("recoveryCount"),
        }
    }
}

/// What one client of the accelerator has used.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    pub pid: u32,
    /// Cut by the kernel at 16 bytes.
    pub name: String,
    pub nanoseconds: u64,
}

/// Reads a client's node.
pub fn client(node: &Value) -> Option<Client> {
    let creator = node.text_at("IOUserClientCreator")?;
    let (pid, name) = creator.strip_prefix("pid ")?.split_once(", ")?;
    let usage = node.get("AppUsage").map_or(&[][..], Value::elements);
    let spent = usage.iter().filter_map(|one| one.count_at("accumulatedGPUTime"));
    Some(Client {
        pid: pid.parse().ok()?,
        name: name.to_owned(),
        nanoseconds: spent.fold(0, u64::saturating_add),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{fixture, registry};

    #[test]
    fn the_recorded_accelerator_and_its_clients() {
        let Some(text) = fixture("m1-macbookair10-1/ioreg-agx.txt") else { return };
        let entries = registry(&text);
        let of = Accelerator::of(&entries[0].properties);
        assert_eq!((of.model.as_deref(), of.cores), (Some("Apple M1"), Some(8)));
        assert_eq!((of.device_percent, of.used_bytes), (Some(0), Some(6_373_376)));
        assert_eq!((of.allocated_bytes, of.recoveries), (Some(2_411_806_720), Some(0)));
        let clients: Vec<Client> =
            entries[1..].iter().filter_map(|entry| client(&entry.properties)).collect();
        assert_eq!(clients.len(), 24);
        let of = |pid| clients.iter().filter(|c| c.pid == pid).map(|c| c.nanoseconds).sum::<u64>();
        assert_eq!(of(357), 249_658_696_208 + 5_914_750);
        assert_eq!((of(933), of(942)), (562_583, 0));
        assert_eq!(clients[0].name, "WindowServer");
    }

    #[test]
    fn nodes_that_make_no_sense_give_nothing() {
        let node = |creator: &str| {
            Value::Dictionary(vec![(
                "IOUserClientCreator".to_owned(),
                Value::Text(creator.to_owned()),
            )])
        };
        for wrong in ["", "pid", "pid x, y", "pid -3, y", "357, WindowServer"] {
            assert_eq!(client(&node(wrong)), None, "{wrong}");
        }
        assert_eq!(client(&node("pid 1, a, b")).map(|of| of.name), Some("a, b".to_owned()));
        assert_eq!(Accelerator::of(&Value::Bool(true)), Accelerator::default());
    }
}
