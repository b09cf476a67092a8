//! Block devices in the registry: a driver with its statistics, and the medium below it.

use super::value::Value;

/// What a driver has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    pub read_bytes: Option<u64>,
    pub written_bytes: Option<u64>,
    pub reads: Option<u64>,
    pub writes: Option<u64>,
    pub read_ns: Option<u64>,
    pub write_ns: Option<u64>,
}

/// Reads the statistics of an `IOBlockStorageDriver`: one for each device, disk images too. The
/// disks that APFS makes of others have none, so that nothing counts twice.
pub fn counted(driver: &Value) -> Option<Counted> {
    let statistics = driver.get("Statistics")?;
    let count = |key: &str| statistics.count_at(key);
    let counted = Counted {
        read_bytes: count("Bytes (Read)"),
        written_bytes: count("Bytes (Write)"),
        reads: count("Operations (Read)"),
        writes: count("Operations (Write)"),
        read_ns: count("Total Time (Read)"),
        write_ns: count("Total Time (Write)"),
    };
    (counted != Counted::default()).then_some(counted)
}

/// The whole medium below a driver: its name and its size.
pub fn medium(node: &Value) -> Option<(String, Option<u64>)> {
    if node.flag_at("Whole") != Some(true) {
        return None;
    }
    Some((node.text_at("BSD Name")?, node.count_at("Size")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{fixture, registry};

    #[test]
    fn the_recorded_disk() {
        let Some(text) = fixture("m1-macbookair10-1/ioreg-storage.txt") else { return };
        let entries = registry(&text);
        let drivers = entries.iter().filter(|entry| entry.class == "IOBlockStorageDriver");
        let counted: Vec<Counted> =
            drivers.filter_map(|entry| counted(&entry.properties)).collect();
        let wanted = Counted {
            read_bytes: Some(14_160_125_952),
            written_bytes: Some(3_637_972_992),
            reads: Some(615_801),
            writes: Some(201_498),
            read_ns: Some(186_691_814_685),
            write_ns: Some(17_152_832_587),
        };
        assert_eq!(counted.first(), Some(&wanted));
        let media: Vec<_> = entries.iter().filter(|entry| entry.class == "IOMedia").collect();
        assert_eq!(media[0].name, "APPLE SSD AP0512Q Media");
        assert_eq!(medium(&media[0].properties), Some(("disk0".to_owned(), Some(500_277_792_768))));
        let volumes = entries.iter().filter(|entry| entry.class == "AppleAPFSVolume");
        assert!(volumes.map(|entry| medium(&entry.properties)).all(|medium| medium.is_none()));
    }

    #[test]
    fn a_driver_without_statistics_counts_nothing() {
        assert_eq!(super::counted(&Value::Dictionary(Vec::new())), None);
        let empty =
            Value::Dictionary(vec![("Statistics".to_owned(), Value::Dictionary(Vec::new()))]);
        assert_eq!(super::counted(&empty), None);
    }
}
