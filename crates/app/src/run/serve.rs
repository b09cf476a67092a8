//! `retop --serve`: a server for scrapes, without a screen.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use retop_engine::export::groups::{GroupRules, Groups, Rule};
use retop_engine::export::names::Names;
use retop_engine::export::{Limit, prometheus};
use retop_engine::serve::{self, Server};
use retop_engine::{Demand, Monitor, RealClock, Rows};
use retop_model::filter::Wild;
use retop_model::{FamilyId, Snapshot};
use toml_edit::Document;

use crate::alerts;
use crate::run::pace::{Pacer, Wake};
use crate::run::{Usage, demand, json, machine, note_on_stderr, replay};
use crate::settings::Settings;

/// Serves until a signal comes.
///
/// # Errors
///
/// If the machine cannot be opened or the address cannot be listened on.
pub fn run(settings: &Settings, listen: SocketAddr) -> anyhow::Result<()> {
    if replay::source(settings).is_some() {
        return recorded(settings, listen);
    }
    let machine = machine(settings)?;
    let clock = Arc::new(RealClock);
    let mut pacer = Pacer::unread(&*clock, settings.interval)?;
    let follower = Mutex::new(json::follower(settings, settings.serve_processes)?);
    let groups = groups(wanted_groups(settings))?;
    let server = server(settings, listen)?;
    let past = server.past();
    note_on_stderr(&format!("metrics on http://{}/metrics", server.address()));
    let watch = retop_engine::Settings {
        interval: settings.interval,
        first_interval: settings.interval,
        history_bytes: settings.history_bytes,
        // Others may read it.
        arguments: settings.arguments.unwrap_or_default(),
        demand: wanted(settings, groups.is_some()),
        rules: alerts::rules(settings),
    };
    // The monitor calls from one thread only; the lock is for the compiler.
    let groups = groups.map(Mutex::new);
    let publish = move |snapshot: &Arc<Snapshot>| {
        let grouped = groups
            .as_ref()
            .map(|groups| groups.lock().unwrap_or_else(PoisonError::into_inner).advance(snapshot));
        let mut follower = follower.lock().unwrap_or_else(PoisonError::into_inner);
        let beside = follower.advance(snapshot).clone();
        server.publish_beside(Arc::clone(snapshot), grouped, beside);
    };
    let monitor = Monitor::start(machine, clock, watch, Box::new(publish))?;
    if let Some(history) = monitor.history() {
        let arguments = settings.arguments.unwrap_or_default();
        past.set(Arc::clone(history), settings.interval, arguments);
    }
    Ok(pacer.wait_for_end()?)
}

/// Serves the moments of a recording, one each interval, from the one that was asked for on; the
/// last one stays until another is recorded.
fn recorded(settings: &Settings, listen: SocketAddr) -> anyhow::Result<()> {
    let clock = RealClock;
    let mut pacer = Pacer::unread(&clock, settings.interval)?;
    let mut recording = replay::open(replay::source(settings).unwrap_or_default())?;
    let at_ms = replay::at(&recording, settings.replay.at)?;
    let mut follower = json::follower(settings, settings.serve_processes)?;
    let mut groups = groups(wanted_groups(settings))?;
    let server = server(settings, listen)?;
    note_on_stderr(&format!("metrics on http://{}/metrics", server.address()));
    let view = recording.view();
    let mut number = at_ms.and_then(|at_ms| view.number_at(at_ms)).unwrap_or(view.numbers().start);
    let Some(mut cursor) = view.cursor(number) else {
        return Err(anyhow::anyhow!("{}: nothing is recorded", recording.path().display()));
    };
    loop {
        if cursor.seek(number)
            && let Some(moment) = cursor.snapshot().map(Arc::new)
        {
            let grouped = groups.as_mut().map(|groups| groups.advance(&moment));
            let beside = follower.advance(&moment).clone();
            server.publish_beside(moment, grouped, beside);
        }
        if pacer.wait(&clock)? == Wake::End {
            return Ok(());
        }
        if number + 1 >= cursor.view().numbers().end && recording.refresh() {
            cursor.refresh(recording.view());
        }
        if number + 1 < cursor.view().numbers().end {
            number += 1;
        }
    }
}

fn server(settings: &Settings, listen: SocketAddr) -> anyhow::Result<Server> {
    let allowed_hosts = Vec::new();
    let scrape = prometheus::Options { names: settings.names, ..settings.series };
    let server = Server::start(serve::Settings { listen, allowed_hosts, scrape })?;
    if let Some(warning) = server.warning() {
        note_on_stderr(&warning);
    }
    Ok(server)
}

/// Processes that actop tells of.
const ACTOP: usize = 50;

/// The groups that were asked for, by themselves or as processes in the scrape.
fn wanted_groups(settings: &Settings) -> Option<&str> {
    let unnamed = settings.serve_processes && settings.names != Names::Actop;
    settings.process_groups.as_deref().or(unnamed.then_some("auto"))
}

/// What has to be read: no processes, unless they were asked for by number or in groups.
fn wanted(settings: &Settings, groups: bool) -> Demand {
    let named =
        settings.names == Names::Actop && (settings.serve_processes || settings.filter.is_some());
    let unasked = Limit::Count(if named { ACTOP } else { 0 });
    let mut demand = demand(settings, settings.processes.unwrap_or(unasked));
    let series = settings.series;
    demand
        .want(FamilyId::Core, series.cores || settings.names.are_of_cores())
        .want(FamilyId::Cgroup, series.cgroups)
        .want(FamilyId::IdleState, series.idle_states)
        .want(FamilyId::Interrupt, series.interrupts);
    if groups {
        demand.want(FamilyId::Process, true);
        demand.processes.io = Rows::Active;
    }
    demand
}

/// The rules by which processes are grouped: `auto`, or a TOML file that gives each group its
/// programs.
fn groups(rules: Option<&str>) -> anyhow::Result<Option<Groups>> {
    Ok(self::rules(rules)?.map(Groups::new))
}

/// The rules of `--process-groups`.
///
/// # Errors
///
/// A file that cannot be read or holds no rules: wrong usage.
pub fn rules(rules: Option<&str>) -> anyhow::Result<Option<GroupRules>> {
    Ok(Some(match rules {
        None => return Ok(None),
        Some("auto") => GroupRules::auto(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Usage(format!("--process-groups: {path}: {error}")))?;
            GroupRules::Named(named(&text).map_err(|why| {
                Usage(format!("--process-groups: {path}: {why}; write web = [\"nginx*\", \"php\"]"))
            })?)
        }
    }))
}

/// `group = "pattern"` or `group = ["pattern", …]`, a line each; the first that matches counts.
fn named(text: &str) -> Result<Vec<Rule>, String> {
    let document = Document::parse(text).map_err(|error| error.message().replace('\n', " "))?;
    let mut rules = Vec::new();
    for (group, item) in document.iter() {
        let patterns: Option<Vec<&str>> = match item.as_array() {
            Some(patterns) => patterns.iter().map(toml_edit::Value::as_str).collect(),
            None => item.as_str().map(|pattern| vec![pattern]),
        };
        let patterns = patterns.ok_or_else(|| format!("{group} names no programs"))?;
        rules.extend(patterns.into_iter().map(|pattern| Rule {
            pattern: Wild::glob(pattern.to_owned()),
            group: group.to_owned(),
        }));
    }
    match rules.is_empty() {
        true => Err("no group in it".to_owned()),
        false => Ok(rules),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_name() {
        let rules = named("web = [\"nginx*\", \"php-fpm\"]\ndb = \"postgres\"\n").expect("rules");
        let pairs: Vec<_> =
            rules.iter().map(|r| (r.group.as_str(), r.pattern.text.as_str())).collect();
        assert_eq!(pairs, [("web", "nginx*"), ("web", "php-fpm"), ("db", "postgres")]);
        for wrong in ["", "web = 3", "web = [3]", "web"] {
            assert!(named(wrong).is_err(), "{wrong:?}");
        }
    }
}
