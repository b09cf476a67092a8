//! Why clocks were held down, by the scheduler's own account: the reason that counted most, and how
//! long.

use std::sync::Arc;

use retop_model::family::held_down;
use retop_model::{Key, RawTable};

use super::library::Library;
use super::performance::{microseconds, per_second};
use super::report::Subscription;

pub struct HeldDown {
    reasons: Option<Subscription>,
}

impl HeldDown {
    pub fn open(library: &Arc<Library>) -> HeldDown {
        let is_wanted = |name: &str| domain(name).is_some();
        let reasons = Subscription::new(library, "CLPC Stats", Some("Lost Performance"), is_wanted);
        HeldDown { reasons }
    }

    /// False if nothing is told.
    pub fn read(&mut self, table: &mut RawTable) -> bool {
        let Some(of) = &mut self.reasons else { return false };
        if !of.sample() {
            return false;
        }
        for (channel, held) in of.channels.iter().zip(&of.held) {
            let Some(domain) = domain(&channel.name) else { continue };
            let ticks = |state: &i64| (*state).max(0) as f64;
            let whole: f64 = held.states.iter().map(ticks).sum();
            let rate = per_second(&channel.unit);
            for (place, (reason, state)) in channel.states.iter().zip(&held.states).enumerate() {
                table
                    .push(Key(Key::named(domain.as_bytes()).0, place as u64))
                    .text(held_down::domain, domain.as_str())
                    .text(held_down::reason, reason.as_str())
                    .set(held_down::index, place)
                    .set(held_down::held_seconds, microseconds(ticks(state), rate))
                    .set(held_down::whole_seconds, microseconds(whole, rate));
            }
        }
        !table.is_empty()
    }
}

/// What a channel is of: `Dominant reason` of all cores, `Dom reason cl. 1` of a cluster, which the
/// scheduler only numbers.
fn domain(channel: &str) -> Option<String> {
    let channel = channel.trim();
    if channel == "Dominant reason" {
        return Some("all".to_owned());
    }
    let number = channel.strip_prefix("Dom reason cl.")?.trim();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("cluster {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{columns, fixture};

    #[test]
    fn channels_are_of_all_cores_or_of_a_numbered_cluster() {
        for (name, wanted) in [
            ("Dominant reason", Some("all")),
            ("Dom reason cl. 0", Some("cluster 0")),
            ("Dom reason cl. 12 ", Some("cluster 12")),
            ("Dom reason cl. ", None),
            ("Dom reason cl. x", None),
            ("Other reason", None),
            ("", None),
        ] {
            assert_eq!(domain(name).as_deref(), wanted, "{name}");
        }
        let Some(text) = fixture("m1-macbookair10-1/ioreport-catalog.tsv") else { return };
        let rows = columns(&text);
        let told = rows.iter().filter(|row| row[1] == "Lost Performance");
        let told: Vec<_> = told.map(|row| (domain(row[2]), row[4], row[5])).collect();
        assert_eq!(told.len(), 3);
        assert!(
            told.iter().all(|of| of.0.is_some() && (of.1, of.2) == ("state", "11")),
            "{told:?}"
        );
    }
}
