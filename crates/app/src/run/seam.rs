//! Stands where the engine's exports will be called.

use retop_engine::export::Limit;
use retop_engine::export::json::{JsonView, Options};
use retop_model::family::source;
use retop_model::{FamilyId, Snapshot};

pub(crate) fn report(snapshot: &Snapshot, processes: Limit) -> String {
    let options = Options { processes, ..Options::default() };
    let text = serde_json::to_string_pretty(&JsonView { snapshot, options });
    text.unwrap_or_default() + "\n"
}

pub(crate) fn doctor(machine: &str, snapshot: &Snapshot) -> String {
    let mut text = format!("{machine}\n");
    for row in snapshot.rows(FamilyId::Source) {
        let state = row.state(source::state).unwrap_or("unknown");
        text +=
            &format!("{:24} {state:8} {}\n", row.shown(source::source), row.shown(source::reason));
    }
    text
}
