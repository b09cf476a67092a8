//! Every option, declared once. The command line, `config.toml`, the `RETOP_` variables,
//! `--print-config`, the man page and the completions are all made from this table.

use std::path::PathBuf;

use retop_engine::export::names::Names;
use retop_engine::export::tidy::events::TABLE as EVENTS;
use retop_engine::export::{Arguments, Limit, prometheus};
use retop_engine::query::{By, Top};
use retop_engine::recording::Sync;
use retop_model::awaited::Condition;
use retop_model::family::FAMILIES;

use crate::settings::{ChartGlyph, Color, Format, PowerScale, Settings, Tables, To};
use crate::tui::core_view::CoreView;
use crate::tui::layout::Choice;
use crate::tui::preset::Preset;
use crate::tui::render::Depth;
use crate::tui::theme::Tint;
use crate::value::{self, Parsed};
use crate::when;

/// One option.
pub struct Opt {
    /// The flag without its dashes; also the key in `config.toml`.
    pub long: &'static str,
    /// A letter for it.
    pub short: Option<char>,
    /// Other flags and keys that mean the same: names of older tools.
    pub aliases: &'static [&'static str],
    /// What stands for the value in help; empty for a switch.
    pub value: &'static str,
    /// The words that are valid, where they are few.
    pub choices: &'static [&'static str],
    /// Words of other tools that mean one of them.
    pub also: &'static [&'static str],
    /// The value without any setting; empty if there is none.
    pub default: &'static str,
    /// One sentence, without a full stop, as it stands in `--help`.
    pub help: &'static str,
    /// Where it stands in `--help`.
    pub group: Group,
    /// Where it may be set.
    pub place: Place,
    /// Which commands take it.
    pub scope: Scope,
    /// Parses the value and puts it into the settings.
    pub set: fn(&mut Settings, &str) -> Parsed<()>,
}

/// Where an option stands in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What to do instead of drawing a screen.
    Mode,
    /// What is watched, and how often.
    Watch,
    /// What exports hold.
    Export,
    /// The screen.
    Screen,
    /// Alerts.
    Alert,
    /// Recordings.
    Record,
}

impl Group {
    /// The heading.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Group::Mode => "Instead of the screen",
            Group::Watch => "What is watched",
            Group::Export => "Output",
            Group::Screen => "The screen",
            Group::Alert => "Alerts",
            Group::Record => "Recordings",
        }
    }
}

/// Where an option may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the command line: it says what to do this once.
    Flag,
    /// There and in a variable.
    Variable,
    /// There, in a variable and in the config file.
    Config,
}

/// Which commands take an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every one.
    All,
    /// `retop` without a subcommand.
    Main,
    /// `retop` without a subcommand, and these.
    With(&'static [&'static str]),
    /// These subcommands alone.
    Among(&'static [&'static str]),
    /// One subcommand.
    Only(&'static str),
}

impl Scope {
    /// True if `retop` without a subcommand takes the option.
    #[must_use]
    pub fn is_main(self) -> bool {
        matches!(self, Scope::Main | Scope::With(_))
    }

    /// True if that subcommand takes it as one of its own.
    #[must_use]
    pub fn has(self, command: &str) -> bool {
        match self {
            Scope::All | Scope::Main => false,
            Scope::With(commands) | Scope::Among(commands) => commands.contains(&command),
            Scope::Only(only) => only == command,
        }
    }
}

impl Opt {
    /// True if that subcommand takes it as one of its own. A recording is shown by the same screen:
    /// what is the screen's is the replay's too.
    #[must_use]
    pub fn is_of(&self, command: &str) -> bool {
        let is_screen = self.group == Group::Screen && self.scope.is_main();
        self.scope.has(command) || (command == "replay" && is_screen)
    }

    const fn new(
        group: Group,
        long: &'static str,
        value: &'static str,
        help: &'static str,
        set: fn(&mut Settings, &str) -> Parsed<()>,
    ) -> Opt {
        Opt {
            long,
            short: None,
            aliases: &[],
            value,
            choices: &[],
            also: &[],
            default: "",
            help,
            group,
            place: Place::Config,
            scope: Scope::Main,
            set,
        }
    }

    const fn short(mut self, short: char) -> Opt {
        self.short = Some(short);
        self
    }

    const fn aliases(mut self, aliases: &'static [&'static str]) -> Opt {
        self.aliases = aliases;
        self
    }

    const fn choices(mut self, choices: &'static [&'static str]) -> Opt {
        self.choices = choices;
        self
    }

    const fn also(mut self, also: &'static [&'static str]) -> Opt {
        self.also = also;
        self
    }

    const fn default(mut self, default: &'static str) -> Opt {
        self.default = default;
        self
    }

    const fn place(mut self, place: Place) -> Opt {
        self.place = place;
        self
    }

    const fn scope(mut self, scope: Scope) -> Opt {
        self.scope = scope;
        self
    }

    /// True for an option without a value.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        self.value.is_empty()
    }

    /// The variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("RETOP_{}", self.long.replace('-', "_").to_ascii_uppercase())
    }

    /// The help sentence with the default.
    #[must_use]
    pub fn full_help(&self) -> String {
        let mut text = self.help.to_owned();
        if !self.choices.is_empty() {
            text += &format!(": {}", self.choices.join(", "));
        }
        if !self.default.is_empty() && !self.is_switch() {
            text += &format!(" [{}]", self.default);
        }
        text
    }

    /// True if `name` is this option's name or one of its aliases.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.long == name || self.aliases.contains(&name)
    }
}

fn put<T>(place: &mut T, parsed: Parsed<T>) -> Parsed<()> {
    *place = parsed?;
    Ok(())
}

fn text(text: &str) -> Parsed<Option<String>> {
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A whole number from 1, or nothing.
fn unless_empty(text: &str, high: u64) -> Parsed<Option<u64>> {
    if text.is_empty() { Ok(None) } else { value::whole(text, 1, high).map(Some) }
}

/// Yes or no, or nothing.
fn either(text: &str) -> Parsed<Option<bool>> {
    if text.is_empty() { Ok(None) } else { value::switch(text).map(Some) }
}

fn pick<T: Copy>(text: &str, words: &[&str], values: &[T]) -> Parsed<T> {
    let place = value::choice(text, words)?;
    values.get(place).copied().ok_or_else(|| format!("'{text}' has no meaning"))
}

fn color(text: &str) -> Parsed<Color> {
    if let Ok(number @ 0..=8) = text.parse() {
        return Ok(Color::Palette(number));
    }
    pick(text, COLORS, &[Color::Auto, Color::Always, Color::Never])
        .map_err(|why| format!("{why} or 0 to 8"))
}

fn processes(text: &str) -> Parsed<Option<Limit>> {
    match text {
        "" => return Ok(None),
        "all" => return Ok(Some(Limit::All)),
        _ => {}
    }
    let count =
        value::whole(text, 0, u64::from(u32::MAX)).map_err(|why| format!("{why} or all"))?;
    Ok(Some(Limit::Count(usize::try_from(count).unwrap_or(usize::MAX))))
}

/// Words of a list, each of which adds series to the scrape.
fn series(text: &str) -> Parsed<prometheus::Options> {
    let mut series = prometheus::Options::default();
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        match value::choice(word, SERIES)? {
            0 => series.cores = true,
            1 => series.cgroups = true,
            2 => series.idle_states = true,
            3 => series.interrupts = true,
            _ => series.sources = true,
        }
    }
    Ok(series)
}

/// Keys of tables, or their singulars.
fn tables(text: &str) -> Parsed<Tables> {
    let (mut families, mut events) = (Vec::new(), false);
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        if word == EVENTS {
            events = true;
            continue;
        }
        let family = FAMILIES.iter().find(|family| [family.key, family.name].contains(&word));
        let Some(family) = family else {
            let known =
                FAMILIES.iter().flat_map(|family| [family.key, family.name]).chain([EVENTS]);
            return Err(match value::nearest(word, known) {
                Some(near) => format!("no table is called '{word}'; there is '{near}'"),
                None => format!("no table is called '{word}'; docs/metrics.md lists them"),
            });
        };
        families.push(family.id);
    }
    if families.is_empty() && !events {
        return Err("no table is named".to_owned());
    }
    Ok(Tables { families, events })
}

const TO: &[&str] = &["parquet", "csv", "ndjson", "openmetrics", "retop"];
const TOPS: &[&str] = &["cpu", "mem", "io", "energy", "gpu"];
const BYS: &[&str] = &["name", "user", "container", "cgroup", "pid"];
const SERIES: &[&str] = &["cores", "cgroups", "idle-states", "interrupts", "sources"];
const NAMES: &[&str] = &["retop", "dcgm", "actop", "macmon"];
const NAMES_VALUES: &[Names] = &[Names::Retop, Names::Dcgm, Names::Actop, Names::Macmon];
const COLORS: &[&str] = &["auto", "always", "never"];
const ARGUMENTS: &[&str] = &["none", "redacted", "full"];
const CORE_VIEWS: &[&str] = &["auto", "gauge", "history", "both", "heat"];
const LAYOUTS: &[&str] = &["auto", "stack", "table"];
const DEPTHS: &[&str] = &["auto", "mono", "8", "16", "256", "truecolor"];
const WIDTHS: &[&str] = &["narrow", "wide"];
const PALETTES: &[&str] = &["theme", "thermal", "viridis", "mono"];
const SWITCHES: &[&str] = &["auto", "on", "off"];
const GLYPHS: &[&str] = &["dots", "block", "ascii"];
const POWER_SCALES: &[&str] = &["auto", "profile"];
const SYNCS: &[&str] = &["key", "frame", "never"];
const FORMATS: &[&str] = &["md", "json"];
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Every option, in the order of `--help`.
pub static OPTIONS: &[Opt] = &[
    Opt::new(
        Group::Mode,
        "json",
        "",
        "Stream samples as JSON, one line each; answers as JSON",
        |s, v| put(&mut s.json, value::switch(v)),
    )
    .place(Place::Flag)
    .scope(Scope::With(&["query", "replay"])),
    Opt::new(Group::Mode, "once", "", "Print one report and exit; with --json one line", |s, v| {
        put(&mut s.once, value::switch(v))
    })
    .place(Place::Flag),
    Opt::new(
        Group::Mode,
        "plain",
        "",
        "Answer typed commands in lines of text: for screen readers and pipes",
        |s, v| put(&mut s.plain, value::switch(v)),
    )
    .place(Place::Variable),
    Opt::new(
        Group::Mode,
        "serve",
        "[ADDR:]PORT",
        "Serve Prometheus metrics; on 127.0.0.1 unless told otherwise",
        |s, v| put(&mut s.serve, value::address(v).map(Some)),
    )
    .place(Place::Flag),
    Opt::new(
        Group::Mode,
        "print-config",
        "",
        "Print config.toml with the present settings",
        |s, v| put(&mut s.print_config, value::switch(v)),
    )
    .place(Place::Flag),
    Opt::new(
        Group::Watch,
        "interval",
        "TIME",
        "Time between samples, 0.1s to 24h: 0.5, 500ms, 2s, 1m",
        |s, v| put(&mut s.interval, value::interval(v)),
    )
    .short('i')
    .default("1s")
    .scope(Scope::With(&["record", "wait"])),
    Opt::new(
        Group::Watch,
        "gpu",
        "CONDITION",
        "What one GPU must be: free>20G util<5% for=60s; gpu=0 means that one",
        |s, v| put(&mut s.wait.gpu, Condition::parse(v).map(Some)),
    )
    .place(Place::Flag)
    .scope(Scope::Only("wait")),
    Opt::new(
        Group::Watch,
        "timeout",
        "TIME",
        "Give up after so long, with exit status 124: 10m, 12h",
        |s, v| put(&mut s.wait.timeout, value::age(v).map(Some)),
    )
    .place(Place::Flag)
    .scope(Scope::Only("wait")),
    Opt::new(
        Group::Watch,
        "root",
        "DIR",
        "Read the machine under DIR: a tree with proc/ and sys/",
        |s, v| put(&mut s.root, Ok(PathBuf::from(v))),
    )
    .default("/")
    .place(Place::Variable)
    .scope(Scope::All),
    Opt::new(
        Group::Watch,
        "source",
        "KIND:NAME",
        "Watch a made-up machine, or a recording: replay:FILE",
        |s, v| put(&mut s.source, text(v)),
    )
    .place(Place::Variable)
    .scope(Scope::All),
    Opt::new(
        Group::Watch,
        "history",
        "SIZE",
        "Memory for the history of raw samples; 0 for none",
        |s, v| put(&mut s.history_bytes, value::bytes(v)),
    )
    .default("64M"),
    Opt::new(Group::Watch, "subsamples", "N", "Readings within one interval", |s, v| {
        put(&mut s.screen.subsamples, value::whole(v, 1, 1000))
    })
    .default("1"),
    Opt::new(Group::Export, "samples", "N", "Stop after N samples; 0 goes on", |s, v| {
        put(&mut s.samples, value::whole(v, 0, u64::MAX).map(|n| (n > 0).then_some(n)))
    })
    .place(Place::Flag),
    Opt::new(
        Group::Export,
        "processes",
        "N|all",
        "Processes in the output, by CPU; with --filter all that match [20]",
        |s, v| put(&mut s.processes, processes(v)),
    )
    .scope(Scope::With(&["export"])),
    Opt::new(
        Group::Export,
        "json-processes",
        "",
        "Processes in the stream of --names actop too; retop's own has them anyway",
        |s, v| put(&mut s.json_processes, value::switch(v)),
    )
    .place(Place::Flag),
    Opt::new(
        Group::Export,
        "serve-processes",
        "",
        "Processes in the scrape: by program, or one by one with --names actop",
        |s, v| put(&mut s.serve_processes, value::switch(v)),
    )
    .place(Place::Flag),
    Opt::new(
        Group::Export,
        "threads",
        "",
        "Threads of the processes in the output, and below those on the screen",
        |s, v| put(&mut s.threads, value::switch(v)),
    ),
    Opt::new(
        Group::Export,
        "process-groups",
        "auto|FILE",
        "Groups of processes as series: by program, or as FILE names them",
        |s, v| put(&mut s.process_groups, text(v)),
    )
    .scope(Scope::With(&["export"])),
    Opt::new(
        Group::Export,
        "series",
        "LIST",
        "Further series: cores, cgroups, idle-states, interrupts, sources",
        |s, v| put(&mut s.series, series(v)),
    )
    .scope(Scope::With(&["export"])),
    Opt::new(
        Group::Export,
        "names",
        "NAMES",
        "Names in exports: also those of dcgm-exporter, or another tool's",
        |s, v| put(&mut s.names, pick(v, NAMES, NAMES_VALUES)),
    )
    .choices(NAMES)
    .default("retop"),
    Opt::new(
        Group::Export,
        "args",
        "WHAT",
        "Process arguments: none, redacted, full [none; redacted in recordings]",
        |s, v| {
            let values = [Arguments::None, Arguments::Redacted, Arguments::Full];
            put(&mut s.arguments, pick(v, ARGUMENTS, &values).map(Some))
        },
    )
    .scope(Scope::With(&["record", "export"])),
    Opt::new(
        Group::Screen,
        "filter",
        "FILTER",
        "Only these processes: words, a regex, or cpu>10 && user=bob",
        |s, v| put(&mut s.filter, text(v)),
    )
    .short('f')
    .aliases(&["proc-filter"])
    .scope(Scope::With(&["export"])),
    Opt::new(
        Group::Screen,
        "color",
        "WHEN",
        "auto, always, never; 0 to 8: the terminal's own colours",
        |s, v| put(&mut s.screen.color, color(v)),
    )
    .default("auto"),
    Opt::new(Group::Screen, "color-depth", "N", "Colours that the terminal has", |s, v| {
        let depths = [Depth::Mono, Depth::Eight, Depth::Sixteen, Depth::Indexed, Depth::True];
        let values = [None].into_iter().chain(depths.map(Some)).collect::<Vec<_>>();
        put(&mut s.screen.color_depth, pick(v, DEPTHS, &values))
    })
    .choices(DEPTHS)
    .default("auto"),
    Opt::new(
        Group::Screen,
        "theme",
        "NAME",
        "Colours of the screen: ink, paper, nord, cb-dark or a file of one's own, NAME.toml",
        |s, v| put(&mut s.screen.theme, text(v)),
    ),
    Opt::new(
        Group::Screen,
        "palette",
        "NAME",
        "Colours of charts and bars, in place of the theme's",
        |s, v| {
            let values = [None, Some(Tint::Thermal), Some(Tint::Viridis), Some(Tint::Grey)];
            put(&mut s.screen.palette, pick(v, PALETTES, &values))
        },
    )
    .choices(PALETTES)
    .default("theme"),
    Opt::new(
        Group::Screen,
        "accessible",
        "",
        "Keep the terminal's cursor on the selected row, for screen readers",
        |s, v| put(&mut s.screen.accessible, value::switch(v)),
    )
    .default("false"),
    Opt::new(Group::Screen, "ambiguous", "WIDTH", "Characters whose width is left open", |s, v| {
        put(&mut s.screen.ambiguous_wide, pick(v, WIDTHS, &[false, true]))
    })
    .choices(WIDTHS)
    .default("narrow"),
    Opt::new(
        Group::Screen,
        "low-bandwidth",
        "WHEN",
        "256 colours at most, each second sample: auto if frames are slow to leave",
        |s, v| {
            put(&mut s.screen.low_bandwidth, pick(v, SWITCHES, &[None, Some(true), Some(false)]))
        },
    )
    .choices(SWITCHES)
    .default("auto"),
    Opt::new(Group::Screen, "no-mouse", "", "Leave the mouse to the terminal", |s, v| {
        put(&mut s.screen.mouse, value::switch(v).map(|off| !off))
    })
    .default("false"),
    Opt::new(
        Group::Screen,
        "keys",
        "PRESET",
        "Whose keys; [keys] in the file binds more",
        |s, v| put(&mut s.screen.preset, pick(v, Preset::NAMES, &Preset::ALL)),
    )
    .choices(Preset::NAMES)
    .default("default"),
    Opt::new(Group::Screen, "show-cores", "", "Start with one row per core", |s, v| {
        put(&mut s.screen.show_cores, either(v))
    })
    .aliases(&["show_cores"]),
    Opt::new(Group::Screen, "no-show-cores", "", "Start without rows for cores", |s, v| {
        if value::switch(v)? {
            s.screen.show_cores = Some(false);
        }
        Ok(())
    })
    .aliases(&["no-show_cores"]),
    Opt::new(Group::Screen, "core-view", "VIEW", "How cores are drawn", |s, v| {
        put(&mut s.screen.core_view, pick(v, CORE_VIEWS, &CoreView::ALL))
    })
    .choices(CORE_VIEWS)
    .default("auto"),
    Opt::new(Group::Screen, "show-residency", "", "Show how long each clock was held", |s, v| {
        put(&mut s.screen.show_residency, either(v))
    })
    .aliases(&["show_residency"])
    .default("true"),
    Opt::new(Group::Screen, "no-show-residency", "", "Leave that out", |s, v| {
        if value::switch(v)? {
            s.screen.show_residency = Some(false);
        }
        Ok(())
    })
    .aliases(&["no-show_residency"]),
    Opt::new(
        Group::Screen,
        "layout",
        "LAYOUT",
        "What stands above the processes: by size, lines of meters, or nothing",
        // actop's grid turns into a stack by itself where there is no room for it.
        |s, v| {
            put(
                &mut s.screen.layout,
                pick(if v == "grid" { "auto" } else { v }, LAYOUTS, &Choice::ALL),
            )
        },
    )
    .choices(LAYOUTS)
    .also(&["grid"])
    .default("auto"),
    Opt::new(Group::Screen, "show-processes", "", "Start with the table of processes", |s, v| {
        put(&mut s.screen.show_processes, either(v))
    })
    .aliases(&["show_processes"])
    .default("true"),
    Opt::new(
        Group::Screen,
        "no-show-processes",
        "",
        "Start without it: boxes take its room",
        |s, v| {
            if value::switch(v)? {
                s.screen.show_processes = Some(false);
            }
            Ok(())
        },
    )
    .aliases(&["no-show_processes"]),
    Opt::new(Group::Screen, "chart-glyph", "GLYPH", "What charts are drawn with", |s, v| {
        let values = [ChartGlyph::Dots, ChartGlyph::Block, ChartGlyph::Ascii];
        put(&mut s.screen.chart_glyph, pick(v, GLYPHS, &values))
    })
    .choices(GLYPHS)
    .default("dots"),
    Opt::new(Group::Screen, "power-scale", "SCALE", "What power bars are relative to", |s, v| {
        let values = [PowerScale::Auto, PowerScale::Profile];
        put(&mut s.screen.power_scale, pick(v, POWER_SCALES, &values))
    })
    .choices(POWER_SCALES)
    .default("profile"),
    Opt::new(Group::Screen, "avg", "TIME", "Window of rolling averages", |s, v| {
        put(&mut s.screen.average, value::duration(v))
    })
    .default("30s"),
    Opt::new(Group::Alert, "no-alerts", "", "Watch for nothing", |s, v| {
        put(&mut s.alerts.off, value::switch(v))
    })
    .default("false"),
    Opt::new(
        Group::Alert,
        "alert-bw-sat-percent",
        "N",
        "Memory bandwidth in use of what there is, in percent, where it is counted",
        |s, v| put(&mut s.alerts.bandwidth_percent, value::whole(v, 1, 100)),
    )
    .default("85"),
    Opt::new(
        Group::Alert,
        "alert-package-power-percent",
        "N",
        "Package power of the limit it is held to, in percent; no alert unless set",
        |s, v| put(&mut s.alerts.package_power_percent, unless_empty(v, 100)),
    ),
    Opt::new(
        Group::Alert,
        "alert-throttle-freq-percent",
        "N",
        "Clock of busy cores of their highest, in percent, while it is hot",
        |s, v| put(&mut s.alerts.throttle_frequency_percent, value::whole(v, 1, 100)),
    )
    .default("90"),
    Opt::new(
        Group::Alert,
        "alert-swap-rise-gb",
        "N",
        "Growth of swap within five minutes, in GiB; 0 for no alert",
        |s, v| put(&mut s.alerts.swap_rise_bytes, value::number(v).map(|gib| gib * GIB)),
    )
    .aliases(&["alert-swap-rise-gib"])
    .default("0.3"),
    Opt::new(
        Group::Alert,
        "alert-sustain-samples",
        "N",
        "Samples that a load must last for; 3 or 5 by the rule unless set",
        |s, v| put(&mut s.alerts.sustain_samples, unless_empty(v, 1_000_000)),
    ),
    Opt::new(
        Group::Record,
        "max-size",
        "SIZE",
        "Bytes that all files of a recording may take; the oldest go first",
        |s, v| put(&mut s.record.max_bytes, value::bytes(v).map(|bytes| bytes as u64)),
    )
    .default("1G")
    .scope(Scope::Only("record")),
    Opt::new(Group::Record, "max-age", "TIME", "How long samples are kept: 12h, 7d", |s, v| {
        put(&mut s.record.max_age, value::age(v))
    })
    .default("7d")
    .scope(Scope::Only("record")),
    Opt::new(
        Group::Record,
        "min-free",
        "PERCENT",
        "Share of the file system that is left free",
        |s, v| put(&mut s.record.min_free, value::percent(v)),
    )
    .default("5%")
    .scope(Scope::Only("record")),
    Opt::new(Group::Record, "sync", "WHEN", "When the disk is waited for", |s, v| {
        let values = [Sync::Key, Sync::Frame, Sync::Never];
        put(&mut s.record.sync, pick(v, SYNCS, &values))
    })
    .choices(SYNCS)
    .default("key")
    .scope(Scope::Only("record")),
    Opt::new(
        Group::Record,
        "at",
        "MOMENT",
        "The moment to begin at: 14:01, -10m, 2026-11-03T14:01:00Z",
        |s, v| put(&mut s.replay.at, when::parse(v).map(Some)),
    )
    .place(Place::Flag)
    .scope(Scope::With(&["replay"])),
    Opt::new(Group::Record, "speed", "N", "How much faster than life a replay plays", |s, v| {
        put(&mut s.replay.speed, value::speed(v))
    })
    .default("1")
    .scope(Scope::Only("replay")),
    Opt::new(
        Group::Record,
        "score",
        "",
        "Print how right the forecasts of GPU memory were; with --json one object",
        |s, v| put(&mut s.replay.score, value::switch(v)),
    )
    .place(Place::Flag)
    .scope(Scope::Only("replay")),
    Opt::new(
        Group::Record,
        "from",
        "MOMENT",
        "Begin there: 14:01, -10m, 'yesterday 22:00', 2026-11-03, RFC 3339 [the first sample]",
        |s, v| put(&mut s.from, when::parse(v).map(Some)),
    )
    .place(Place::Flag)
    .scope(Scope::Among(&["export", "query"])),
    Opt::new(
        Group::Record,
        "until",
        "MOMENT",
        "End there; +10m counts from the beginning [the last sample]",
        |s, v| put(&mut s.until, when::parse(v).map(Some)),
    )
    .place(Place::Flag)
    .scope(Scope::Among(&["export", "query"])),
    Opt::new(
        Group::Record,
        "to",
        "FORMAT",
        "What to write, if OUT's ending does not tell",
        |s, v| {
            let values = [To::Parquet, To::Csv, To::Ndjson, To::OpenMetrics, To::Retop];
            put(&mut s.export.to, pick(v, TO, &values).map(Some))
        },
    )
    .choices(TO)
    .place(Place::Flag)
    .scope(Scope::Only("export")),
    Opt::new(
        Group::Record,
        "tables",
        "LIST",
        "Only these tables: processes,disks,cpu; docs/metrics.md lists them",
        |s, v| put(&mut s.export.tables, tables(v).map(Some)),
    )
    .place(Place::Flag)
    .scope(Scope::Only("export")),
    Opt::new(Group::Record, "every", "TIME", "One sample in each TIME: 10s, 1m", |s, v| {
        put(&mut s.export.every, value::interval(v).map(Some))
    })
    .place(Place::Flag)
    .scope(Scope::Only("export")),
    Opt::new(Group::Record, "force", "", "Replace what an earlier export wrote", |s, v| {
        put(&mut s.export.force, value::switch(v))
    })
    .place(Place::Flag)
    .scope(Scope::Only("export")),
    Opt::new(Group::Record, "top", "WHAT", "What to order by", |s, v| {
        let values = [Top::Cpu, Top::Memory, Top::Io, Top::Energy, Top::Gpu];
        put(&mut s.query.top, pick(v, TOPS, &values))
    })
    .choices(TOPS)
    .default("cpu")
    .place(Place::Flag)
    .scope(Scope::Only("query")),
    Opt::new(Group::Record, "by", "WHAT", "What to add up by", |s, v| {
        let values = [By::Name, By::User, By::Container, By::Cgroup, By::Pid];
        put(&mut s.query.by, pick(v, BYS, &values))
    })
    .choices(BYS)
    .default("name")
    .place(Place::Flag)
    .scope(Scope::Only("query")),
    Opt::new(Group::Record, "lines", "N", "Lines at most [20; with --json all]", |s, v| {
        let lines = value::whole(v, 1, u64::from(u32::MAX));
        put(&mut s.query.lines, lines.map(|n| usize::try_from(n).ok()))
    })
    .short('n')
    .place(Place::Flag)
    .scope(Scope::Only("query")),
    Opt::new(Group::Record, "pid", "PID", "One process, part by part of the window", |s, v| {
        let pid = value::whole(v, 1, u64::from(u32::MAX));
        put(&mut s.query.pid, pid.map(|pid| i64::try_from(pid).ok()))
    })
    .place(Place::Flag)
    .scope(Scope::Only("query")),
    Opt::new(Group::Export, "format", "FORMAT", "Format of the table", |s, v| {
        put(&mut s.format, pick(v, FORMATS, &[Format::Markdown, Format::Json]))
    })
    .choices(FORMATS)
    .default("md")
    .place(Place::Flag)
    .scope(Scope::Only("metrics")),
];

/// The option of that name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.is_called(name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_used_once_and_is_a_flag() {
        let mut names = HashSet::from(["help", "version", "config"]);
        let mut letters = HashSet::from(['h', 'V']);
        for option in OPTIONS {
            for name in [option.long].iter().chain(option.aliases) {
                assert!(names.insert(name), "{name} twice");
                let plain = |b: u8| b.is_ascii_lowercase() || b == b'-' || b == b'_';
                assert!(name.bytes().all(plain), "{name}");
            }
            assert!(option.short.is_none_or(|letter| letters.insert(letter)), "{}", option.long);
        }
    }

    #[test]
    fn help_fits_a_terminal_and_ends_without_a_stop() {
        for option in OPTIONS {
            assert!(!option.help.ends_with('.') && option.help.len() > 8, "{}", option.long);
            assert!(option.full_help().len() <= 110, "{}: {}", option.long, option.full_help());
        }
    }

    #[test]
    fn every_default_and_choice_is_valid() {
        for option in OPTIONS {
            let mut settings = Settings::default();
            let default = [option.default];
            let words = default.iter().chain(option.choices).chain(option.also);
            for text in words.filter(|text| !text.is_empty()) {
                assert_eq!((option.set)(&mut settings, text), Ok(()), "{} {text}", option.long);
            }
        }
    }

    #[test]
    fn no_value_is_taken_on_trust() {
        for option in OPTIONS {
            let free =
                ["root", "source", "filter", "theme", "process-groups"].contains(&option.long);
            let mut settings = Settings::default();
            let refused = (option.set)(&mut settings, "\u{1}nonsense").is_err();
            assert_eq!(refused, !free, "{}", option.long);
        }
    }

    #[test]
    fn the_flags_of_older_tools_are_known() {
        let old = "interval avg subsamples color show_cores no-show_cores core-view show-processes \
                   show-residency no-show-residency layout palette theme proc-filter power-scale \
                   chart-glyph alert-bw-sat-percent alert-package-power-percent alert-swap-rise-gb \
                   alert-swap-rise-gib alert-throttle-freq-percent alert-sustain-samples json \
                   json-processes serve serve-processes samples";
        for name in old.split_whitespace() {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
