//! Stands where the engine's exports will be called.

use std::net::{SocketAddr, TcpListener};

use retop_engine::OnSample;
use retop_model::family::{FAMILIES, process, source};
use retop_model::metric::Role;
use retop_model::{FamilyId, Row, Snapshot};
use serde_json::{Map, Value, json};

use crate::settings::{Arguments, Processes, Settings};

pub(crate) struct Lines {
    filter: Option<regex_lite::Regex>,
    processes: Processes,
    arguments: Arguments,
}

impl Lines {
    pub fn new(settings: &Settings, processes: Processes) -> anyhow::Result<Lines> {
        let filter = settings.filter.as_deref().map(regex_lite::Regex::new).transpose();
        let filter = filter.map_err(|error| crate::run::Usage(format!("--filter: {error}")))?;
        Ok(Lines { filter, processes, arguments: settings.arguments })
    }

    pub fn write(&mut self, snapshot: &Snapshot, out: &mut Vec<u8>) {
        let mut line = Map::new();
        line.insert("time".to_owned(), json!(snapshot.stamp().wall_ms as f64 / 1000.0));
        line.insert("interval_seconds".to_owned(), json!(snapshot.interval_seconds()));
        for family in FAMILIES {
            let mut rows: Vec<Row<'_>> = snapshot.rows(family.id).collect();
            if family.id == FamilyId::Process {
                rows.retain(|row| self.keeps(*row));
                if let Processes::Top(count) = self.processes {
                    rows.sort_by(|a, b| cpu(*b).total_cmp(&cpu(*a)));
                    rows.truncate(count);
                }
            }
            let mut rows = rows.into_iter().map(|row| self.row(row, family));
            let value = if family.many {
                Value::Array(rows.collect())
            } else {
                rows.next().unwrap_or(Value::Null)
            };
            line.insert(family.key.to_owned(), value);
        }
        out.extend_from_slice(Value::Object(line).to_string().as_bytes());
        out.push(b'\n');
    }

    fn keeps(&self, row: Row<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| {
            [process::name, process::command].iter().any(|text| filter.is_match(row.shown(*text)))
        })
    }

    fn row(&self, row: Row<'_>, family: &'static retop_model::Family) -> Value {
        let mut object = Map::new();
        for field in family.text_fields() {
            let private = field.column().role == Role::Private;
            if private && self.arguments != Arguments::Full {
                continue;
            }
            object.insert(field.column().name.to_owned(), json!(row.shown(field)));
        }
        for field in family.fields() {
            let value =
                row.state(field).map_or_else(|| json!(row.get(field)), |state| json!(state));
            object.insert(field.name().to_owned(), value);
        }
        Value::Object(object)
    }
}

fn cpu(row: Row<'_>) -> f64 {
    row.get(process::cpu_ratio).unwrap_or(-1.0)
}

pub(crate) fn report(
    snapshot: &Snapshot,
    settings: &Settings,
    processes: Processes,
) -> anyhow::Result<String> {
    let mut out = Vec::new();
    Lines::new(settings, processes)?.write(snapshot, &mut out);
    Ok(String::from_utf8_lossy(&out).into_owned())
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
