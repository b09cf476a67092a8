//! Stands where the engine's exports will be called.

use std::net::{SocketAddr, TcpListener};

use retop_engine::OnSample;
use retop_engine::export::Limit;
use retop_engine::export::json::{JsonView, Options};
use retop_model::family::source;
use retop_model::{FamilyId, Snapshot};

use crate::settings::Settings;

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

pub(crate) struct Server(TcpListener);

impl Server {
    pub fn bind(address: SocketAddr, _: &Settings) -> anyhow::Result<Server> {
        Ok(Server(TcpListener::bind(address)?))
    }

    pub fn address(&self) -> String {
        self.0.local_addr().map(|address| address.to_string()).unwrap_or_default()
    }

    pub fn on_sample(&self) -> OnSample {
        Box::new(|_| {})
    }
}
