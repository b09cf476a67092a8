//! Rules that every declaration keeps, the one that nobody has written yet among them.

use std::collections::HashSet;

use super::*;
use crate::metric::{Kind, Role, Slot};

#[test]
fn families_stand_in_the_order_of_their_ids() {
    for (place, family) in FAMILIES.iter().enumerate() {
        assert_eq!(family.id.index(), place, "{}", family.name);
    }
    let names: HashSet<_> = FAMILIES.iter().map(|family| family.name).collect();
    let keys: HashSet<_> = FAMILIES.iter().map(|family| family.key).collect();
    assert_eq!((names.len(), keys.len()), (FAMILIES.len(), FAMILIES.len()));
}

#[test]
fn a_name_ends_in_its_base_unit_and_is_used_once() {
    for family in FAMILIES {
        let mut seen = HashSet::from(["time", "host", "interval_seconds"]);
        for text in family.texts {
            assert!(seen.insert(text.name), "{}.{} twice", family.name, text.name);
        }
        for field in family.fields() {
            let name = field.name();
            assert!(seen.insert(name), "{}.{name} twice", family.name);
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{name} is not snake_case"
            );
            let suffix = field.unit().suffix();
            let whole = suffix.trim_start_matches('_') == name;
            assert!(whole || name.ends_with(suffix), "{}.{name} must end in {suffix}", family.name);
            for wrong in ["_percent", "_mhz", "_mb", "_kb", "_ms", "_us", "_total"] {
                assert!(!name.ends_with(wrong), "{}.{name}: no {wrong} in names", family.name);
            }
        }
    }
}

#[test]
fn every_metric_is_documented_in_a_sentence() {
    for family in FAMILIES {
        let texts = family.texts.iter().map(|text| (text.name, text.help.trim()));
        let numbers = family.fields().map(|field| (field.name(), field.help()));
        for (name, help) in texts.chain(numbers) {
            assert!(help.len() > 6 && help.ends_with('.'), "{}.{name}: {help:?}", family.name);
            assert!(!help.contains('\n'), "{}.{name}", family.name);
        }
    }
}

#[test]
fn every_family_of_many_has_a_label_and_counters_are_raw() {
    for family in FAMILIES {
        let labelled = family.texts.iter().any(|text| text.role == Role::Label);
        let numbered = family.field("pid").is_some() || family.field("index").is_some();
        assert!(!family.many || labelled || numbered, "{} has no identity", family.name);
        for column in family.raw {
            assert!(column.divisor > 0, "{}.{}", family.name, column.name);
            if let Kind::State(names) = column.kind {
                assert!(!names.is_empty(), "{}.{}", family.name, column.name);
            }
        }
    }
}

#[test]
fn fields_are_found_by_name() {
    let field = FamilyId::Disk.get().field("read_bytes").expect("declared");
    assert_eq!(field, disk::read_bytes);
    assert_eq!(field.slot, Slot::Raw(0));
    assert_eq!(FamilyId::by_key("disks"), Some(FamilyId::Disk));
}
