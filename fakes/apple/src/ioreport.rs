//! IOReport: channels in groups, subscriptions to them, samples.

use std::ffi::c_void;
use std::sync::OnceLock;

use crate::objects::{Kind, Property, Ref, build, create, dictionary, eternal, look, retain};
use crate::scenario::{Bandwidth, Cluster, Scenario};
use crate::stage::{Stage, entered, stage};

/// What IOReport gives for an element that was not filled in.
const UNFILLED: i64 = i64::MIN;
const TICKS: f64 = 24e6;

/// A channel: where it stands and what it holds.
struct Channel {
    group: String,
    subgroup: &'static str,
    name: String,
    unit: String,
    holds: Holds,
}

enum Holds {
    /// Amount in a second, in units.
    Energy(f64, bool),
    Simple(f64),
    /// Names of states, and the share of time in each.
    States(Vec<(String, f64)>),
}

fn cluster_states(cluster: &Cluster, place: usize, busy: f64) -> Vec<(String, f64)> {
    let count = cluster.mhz.len();
    let mut states = Vec::new();
    if cluster.has_down {
        states.push(("DOWN".to_owned(), 0.0));
    }
    states.push(("IDLE".to_owned(), 1.0 - busy));
    for level in 0..count {
        let share = if level == place { busy } else { 0.0 };
        states.push((format!("V{level}P{}", count - 1 - level), share));
    }
    states
}

fn name_of(names: &str, cluster: &Cluster, core: u32) -> String {
    let number = if cluster.number == 0 { String::new() } else { cluster.number.to_string() };
    names
        .replace("{l}", &cluster.letter.to_string())
        .replace("{d}", &cluster.die.unwrap_or(0).to_string())
        .replace("{n}", &cluster.number.to_string())
        .replace("{m}", &number)
        .replace("{c}", &core.to_string())
}

fn complex_name(cluster: &Cluster, kind: &str) -> String {
    let number = if cluster.number == 0 && cluster.letter != 'M' {
        String::new()
    } else {
        cluster.number.to_string()
    };
    let die = cluster.die.map_or_else(String::new, |die| format!("DIE_{die}_"));
    format!("{die}{}{kind}{number}", cluster.letter)
}

/// Every channel of the machine.
fn channels() -> &'static [Channel] {
    static CHANNELS: OnceLock<Vec<Channel>> = OnceLock::new();
    CHANNELS.get_or_init(|| make(&stage().scenario))
}

fn make(scenario: &Scenario) -> Vec<Channel> {
    let mut all = Vec::new();
    if scenario.is_wrong("no channels") {
        return all;
    }
    let ticks = || "24Mticks".to_owned();
    for rail in &scenario.rails {
        let steps = match rail.unit.trim() {
            "mJ" => 1e3,
            "uJ" => 1e6,
            _ => 1e9,
        };
        all.push(Channel {
            group: "Energy Model".to_owned(),
            subgroup: "",
            name: rail.channel.clone(),
            unit: rail.unit.clone(),
            holds: Holds::Energy(rail.watts * steps, rail.unit.trim() == "mJ"),
        });
    }
    for filler in 0..scenario.energy_filler {
        all.push(Channel {
            group: "Energy Model".to_owned(),
            subgroup: "",
            name: format!("PCPU{}DTL{:x}{:x}", filler / 256, filler / 16 % 16, filler % 16),
            unit: "mJ".to_owned(),
            holds: Holds::Energy(1.0, true),
        });
    }
    for cluster in scenario.clusters.iter().filter(|cluster| !cluster.energy.is_empty()) {
        for core in 0..cluster.cores {
            all.push(Channel {
                group: "Energy Model".to_owned(),
                subgroup: "",
                name: name_of(&cluster.energy, cluster, core),
                unit: "mJ".to_owned(),
                holds: Holds::Energy(cluster.core_watts * 1e3, true),
            });
        }
    }
    for cluster in &scenario.clusters {
        let mut state = |subgroup, name, holds| {
            let holds = Holds::States(holds);
            let group = "CPU Stats".to_owned();
            all.push(Channel { group, subgroup, name, unit: ticks(), holds });
        };
        for core in 0..cluster.cores {
            let states = cluster_states(cluster, cluster.asked, cluster.busy);
            state("CPU Core Performance States", name_of(&cluster.names, cluster, core), states);
        }
        let complex = "CPU Complex Performance States";
        let states = cluster_states(cluster, cluster.asked, cluster.busy);
        state(complex, complex_name(cluster, "CPU"), states);
        if let Some(ran) = cluster.ran {
            // It idles less than its cores: the cache is in it.
            let states = cluster_states(cluster, ran, (cluster.busy * 1.2).min(0.98));
            state(complex, complex_name(cluster, "CPM"), states.clone());
            state(complex, format!("{}_IDLE", complex_name(cluster, "CPM")), states);
        }
    }
    if let Some(gpu) = &scenario.gpu {
        let share = |state: usize| if state == gpu.state { gpu.busy } else { 0.0 };
        let off = ("OFF".to_owned(), 1.0 - gpu.busy);
        let states = (1..=gpu.states).map(|state| (format!("P{state}"), share(state)));
        for (subgroup, name) in [
            ("GPU Performance States", "GPUPH"),
            ("GPU Boost Controller Performance States", "BSTGPUPH"),
        ] {
            all.push(Channel {
                group: "GPU Stats".to_owned(),
                subgroup,
                name: name.to_owned(),
                unit: ticks(),
                holds: Holds::States(std::iter::once(off.clone()).chain(states.clone()).collect()),
            });
        }
    }
    if let Some(bandwidth) = &scenario.bandwidth {
        all.extend(bandwidth_channels(bandwidth));
    }
    if let Some(active) = scenario.ane_active {
        let states = vec![("VMIN".to_owned(), 1.0 - active), ("VNOM".to_owned(), active)];
        all.push(Channel {
            group: scenario.bandwidth.as_ref().map_or("PMP", |of| &of.group).to_owned(),
            subgroup: if scenario.ane_floor == "DCS Floor" { "DCS Floor" } else { "SOC Floor" },
            name: if scenario.ane_floor == "DCS Floor" { "ANE-DCS-BW" } else { "ANE-AF-BW" }
                .to_owned(),
            unit: ticks(),
            holds: Holds::States(states),
        });
    }
    for reason in &scenario.reasons {
        all.push(Channel {
            group: "CLPC Stats".to_owned(),
            subgroup: "Lost Performance",
            name: reason.channel.clone(),
            unit: ticks(),
            holds: Holds::States(
                reason.states.iter().cloned().zip(reason.shares.iter().copied()).collect(),
            ),
        });
    }
    for display in &scenario.displays {
        // Pictures are counted where they are made: some of them here, the rest there.
        for (name, share) in [("swap0", 0.75), ("swap1", 0.25)] {
            all.push(Channel {
                group: display.group.clone(),
                subgroup: "swap",
                name: name.to_owned(),
                unit: String::new(),
                holds: Holds::Simple(display.fps * share),
            });
        }
    }
    all
}

fn bandwidth_channels(of: &Bandwidth) -> Vec<Channel> {
    let mut all = Vec::new();
    if of.source == "amc" {
        for (name, gbps) in [("DCS RD", of.read_gbps), ("DCS WR", of.write_gbps), ("GFX RD", 1.0)] {
            all.push(Channel {
                group: "AMC Stats".to_owned(),
                subgroup: "Perf Counters",
                name: name.to_owned(),
                unit: "B".to_owned(),
                holds: Holds::Simple(gbps * 1e9),
            });
        }
        return all;
    }
    if of.source == "dram" {
        // By the clock of the memory; the slowest of three clocks is not used.
        for (clock, share) in [("F0", 0.0), ("F1", 0.25), ("F2", 0.75)] {
            for (name, gbps) in [("RD", of.read_gbps), ("WR", of.write_gbps)] {
                all.push(Channel {
                    group: of.group.clone(),
                    subgroup: "DRAM BW",
                    name: format!("{clock} {name}"),
                    unit: "B".to_owned(),
                    holds: Holds::Simple(gbps * share * 1e9),
                });
            }
        }
        return all;
    }
    let each = (of.read_gbps + of.write_gbps) / f64::from(of.dies.max(1));
    let place = ((each / f64::from(of.step)) as u32).min(of.steps - 1);
    let states = |place: u32| {
        let edge = |step: u32| format!("{:>4}GB/s", (step + 1) * of.step);
        (0..of.steps).map(|step| (edge(step), if step == place { 1.0 } else { 0.0 })).collect()
    };
    let mut push = |group: String, name: String, place| {
        let holds = Holds::States(states(place));
        all.push(Channel { group, subgroup: "DCS BW", name, unit: "24Mticks".to_owned(), holds });
    };
    for die in 0..of.dies {
        let group = if die == 0 { of.group.clone() } else { format!("PMP{die}") };
        for name in ["AMCC RD", "AMCC WR"] {
            push(group.clone(), name.to_owned(), 0);
        }
        push(group.clone(), "AMCC RD+WR".to_owned(), place);
        for other in 0..of.others {
            push(group.clone(), format!("AGX{other} RD+WR"), 0);
        }
    }
    all
}

fn subscribed(dictionary: Ref) -> Vec<usize> {
    let key = |kind: &Kind| match kind {
        Kind::Dictionary(members) => {
            members.iter().find(|(name, _)| name == "IOReportChannels").map(|(_, array)| *array)
        }
        _ => None,
    };
    let Some(array) = look(dictionary, key) else { return Vec::new() };
    let members = look(array as Ref, |kind| match kind {
        Kind::Array(members) => Some(members.clone()),
        _ => None,
    });
    let number = |member: usize| {
        look(member as Ref, |kind| member_of(kind, "number"))
            .and_then(|id| look(id as Ref, integer))
    };
    let numbers = members.unwrap_or_default().into_iter().filter_map(number);
    numbers.filter_map(|number| usize::try_from(number).ok()).collect()
}

fn member_of(kind: &Kind, wanted: &str) -> Option<usize> {
    match kind {
        Kind::Dictionary(members) => {
            members.iter().find(|(name, _)| name == wanted).map(|(_, member)| *member)
        }
        _ => None,
    }
}

fn integer(kind: &Kind) -> Option<i64> {
    match kind {
        Kind::Integer(number) => Some(*number),
        _ => None,
    }
}

fn text_of(object: Ref) -> Option<String> {
    look(object, |kind| match kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportCopyChannelsInGroup(
    group: Ref,
    subgroup: Ref,
    a: u64,
    b: u64,
    c: u64,
) -> Ref {
    let stage = entered!(IOReportCopyChannelsInGroup);
    if (a, b, c) != (0, 0, 0) {
        stage.fault("IOReportCopyChannelsInGroup: arguments".to_owned());
    }
    let Some(group) = text_of(group) else { return std::ptr::null() };
    let subgroup = if subgroup.is_null() { None } else { text_of(subgroup) };
    let wanted = |channel: &Channel| {
        channel.group == group
            && subgroup.as_deref().is_none_or(|wanted| wanted == channel.subgroup)
    };
    let all = channels();
    let numbers = all.iter().enumerate().filter(|(_, channel)| wanted(channel));
    let items: Vec<Property> = numbers.map(|(number, channel)| legend(number, channel)).collect();
    if items.is_empty() {
        return std::ptr::null();
    }
    build(&dictionary([
        ("QueryOpts", Property::Integer(0)),
        ("IOReportChannels", Property::Array(items)),
    ])) as Ref
}

fn legend(number: usize, channel: &Channel) -> Property {
    dictionary([
        ("number", Property::Integer(number as i64)),
        ("IOReportGroupName", channel.group.as_str().into()),
    ])
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOReportCreateSubscription(
    nothing: *const c_void,
    wanted: Ref,
    out: *mut Ref,
    id: u64,
    none: Ref,
) -> Ref {
    let stage = entered!(IOReportCreateSubscription);
    if !nothing.is_null() || id != 0 || !none.is_null() || out.is_null() {
        stage.fault("IOReportCreateSubscription: arguments".to_owned());
        return std::ptr::null();
    }
    let numbers = subscribed(wanted);
    let all = channels();
    let refused = |number: &usize| {
        let of = all.get(*number);
        of.is_none_or(|channel| stage.scenario.refused.contains(&channel.group))
    };
    if numbers.is_empty() || numbers.iter().any(refused) {
        return std::ptr::null();
    }
    retain(wanted);
    // SAFETY: the caller gives a place for one reference.
    unsafe { out.write(wanted) };
    create(Kind::Subscription(numbers))
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportCreateSamples(subscription: Ref, channels_of: Ref, none: Ref) -> Ref {
    let stage = entered!(IOReportCreateSamples);
    let numbers = look(subscription, |kind| match kind {
        Kind::Subscription(numbers) => Some(numbers.clone()),
        _ => None,
    });
    let Some(numbers) = numbers else {
        stage.fault("IOReportCreateSamples: no subscription".to_owned());
        return std::ptr::null();
    };
    if !none.is_null() || subscribed(channels_of) != numbers {
        stage.fault("IOReportCreateSamples: channels that were not subscribed to".to_owned());
    }
    if stage.scenario.is_wrong("no samples") {
        return std::ptr::null();
    }
    let all = channels();
    let items = numbers.iter().filter_map(|&number| Some((number, all.get(number)?)));
    let items = items.map(|(number, channel)| sample(stage, number, channel)).collect();
    build(&dictionary([("IOReportChannels", Property::Array(items))])) as Ref
}

/// What was published last: seconds since boot.
fn published(stage: &Stage) -> f64 {
    let (now, scenario) = (stage.uptime(), &stage.scenario);
    let (batch, tail) = (scenario.energy_batch_seconds, scenario.energy_tail_seconds);
    if batch <= 0.0 {
        return now;
    }
    let last = (now / batch).floor() * batch;
    if tail > 0.0 && now - last >= tail { last + tail } else { last }
}

fn sample(stage: &Stage, number: usize, channel: &Channel) -> Property {
    let uptime = stage.uptime();
    let unfilled = stage.scenario.unfilled.contains(&channel.group);
    let (values, stamp) = match &channel.holds {
        Holds::Energy(rate, is_batched) => {
            let when = if *is_batched { published(stage) } else { uptime };
            let rate = if stage.scenario.energy_zero && *is_batched { 0.0 } else { *rate };
            let stamp = if stage.scenario.energy_frozen { 1_000.0 } else { when };
            (vec![(rate * when) as i64], stamp)
        }
        Holds::Simple(rate) => (vec![(rate * uptime) as i64], uptime),
        Holds::States(states) => {
            (states.iter().map(|(_, share)| (share * uptime * TICKS) as i64).collect(), uptime)
        }
    };
    let is_states = matches!(channel.holds, Holds::States(_));
    let mut raw = Vec::with_capacity(values.len() * 64);
    for &value in &values {
        let value = if unfilled { UNFILLED } else { value };
        let words = [7, number as u64, 0, (stamp * TICKS) as u64];
        raw.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let values = if is_states { [0, 0, value, 0] } else { [value, 0, 0, 0] };
        raw.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    dictionary([("number", Property::Integer(number as i64)), ("RawElements", Property::Data(raw))])
}

/// The channel that an item of a list or of a sample is of.
fn of_item<T>(item: Ref, of: impl FnOnce(&Channel) -> T) -> Option<T> {
    let id = look(item, |kind| member_of(kind, "number"))?;
    let number = look(id as Ref, integer)?;
    let all = channels();
    all.get(usize::try_from(number).ok()?).map(of)
}

fn raw_value(item: Ref, place: usize, word: usize) -> i64 {
    let raw = look(item, |kind| member_of(kind, "RawElements"));
    let value = raw.and_then(|raw| {
        look(raw as Ref, |kind| match kind {
            Kind::Data(bytes) => {
                let bytes = bytes.get(place * 64 + 32 + word * 8..)?.first_chunk()?;
                Some(i64::from_le_bytes(*bytes))
            }
            _ => None,
        })
    });
    value.unwrap_or(UNFILLED)
}

/// Whether items of the catalogue tell of units and states has not been seen: nobody may rely on it.
fn sampled(item: Ref) {
    if look(item, |kind| member_of(kind, "RawElements")).is_none() {
        stage().fault("units or states of an item that is no sample".to_owned());
    }
}

fn borrowed(text: Option<String>) -> Ref {
    text.map_or(std::ptr::null(), |text| eternal(&text))
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportChannelGetSubGroup(item: Ref) -> Ref {
    entered!(IOReportChannelGetSubGroup);
    borrowed(of_item(item, |channel| channel.subgroup.to_owned()))
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportChannelGetChannelName(item: Ref) -> Ref {
    let stage = entered!(IOReportChannelGetChannelName);
    if stage.scenario.is_wrong("no names") {
        return std::ptr::null();
    }
    borrowed(of_item(item, |channel| channel.name.clone()))
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportChannelGetUnitLabel(item: Ref) -> Ref {
    entered!(IOReportChannelGetUnitLabel);
    sampled(item);
    // Labels are filled up with blanks.
    borrowed(of_item(item, |channel| format!("{}  ", channel.unit)))
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportChannelGetFormat(item: Ref) -> i32 {
    entered!(IOReportChannelGetFormat);
    sampled(item);
    of_item(item, |channel| if matches!(channel.holds, Holds::States(_)) { 2 } else { 1 })
        .unwrap_or(0)
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportSimpleGetIntegerValue(item: Ref, index: i32) -> i64 {
    let stage = entered!(IOReportSimpleGetIntegerValue);
    if index != 0 {
        stage.fault("IOReportSimpleGetIntegerValue: index".to_owned());
    }
    match of_item(item, |channel| matches!(channel.holds, Holds::States(_))) {
        Some(false) => raw_value(item, 0, 0),
        _ => UNFILLED,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportStateGetCount(item: Ref) -> i32 {
    entered!(IOReportStateGetCount);
    sampled(item);
    of_item(item, |channel| match &channel.holds {
        Holds::States(states) => states.len() as i32,
        _ => 0,
    })
    .unwrap_or(0)
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportStateGetNameForIndex(item: Ref, index: i32) -> Ref {
    entered!(IOReportStateGetNameForIndex);
    sampled(item);
    borrowed(
        of_item(item, |channel| match &channel.holds {
            Holds::States(states) => states.get(index as usize).map(|(name, _)| name.clone()),
            _ => None,
        })
        .flatten(),
    )
}

#[unsafe(no_mangle)]
pub extern "C" fn IOReportStateGetResidency(item: Ref, index: i32) -> i64 {
    let stage = entered!(IOReportStateGetResidency);
    sampled(item);
    let is_total = of_item(item, |channel| {
        channel.subgroup != "DCS BW"
            || channel.name.ends_with("RD+WR") && channel.name.starts_with("AMCC")
    });
    if is_total == Some(false) {
        stage.fault("states of a channel that should not have been asked for".to_owned());
    }
    raw_value(item, usize::try_from(index).unwrap_or(usize::MAX), 2)
}
