//! What the options add up to. The table in [`crate::options`] fills this in; nothing else does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use retop_engine::export::{Arguments, Limit};
use retop_engine::query::{By, Top};
use retop_engine::recording::Sync;
use retop_model::FamilyId;
use retop_model::alert::UserRule;
use retop_model::awaited::Condition;

use crate::tui::core_view::CoreView;
use crate::tui::keymap::{Bound, Keymap};
use crate::tui::layout::Choice;
use crate::tui::preset::Preset;
use crate::tui::render::Depth;
use crate::tui::table::set::Set;
use crate::tui::theme::Tint;
use crate::when::When;

/// Everything that a user can set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Where the tree of the machine starts: `/`, or a folder with `proc/` and `sys/`.
    pub root: PathBuf,
    /// A made-up machine instead: `sim:NAME`.
    pub source: Option<String>,
    /// Time between samples.
    pub interval: Duration,
    /// Bytes that the history of raw samples may take.
    pub history_bytes: usize,
    /// Stream samples as lines of JSON.
    pub json: bool,
    /// One report, then exit.
    pub once: bool,
    /// Lines of text instead of a screen.
    pub plain: bool,
    /// Where to listen for scrapes.
    pub serve: Option<SocketAddr>,
    /// Write the config file that the present settings amount to.
    pub print_config: bool,
    /// Stop after so many samples; `None` never.
    pub samples: Option<u64>,
    /// Processes in exports; `None` leaves it to the command.
    pub processes: Option<Limit>,
    /// Processes in the stream of names that leave them out otherwise.
    pub json_processes: bool,
    /// Processes in the scrape.
    pub serve_processes: bool,
    /// Threads of the processes are shown and exported.
    pub threads: bool,
    /// Which processes are shown and exported.
    pub filter: Option<String>,
    /// Groups of processes in the scrape: `auto`, or a file of rules.
    pub process_groups: Option<String>,
    /// What the scrape holds beyond the default.
    pub series: retop_engine::export::prometheus::Options,
    /// Whose names the numbers have in exports.
    pub names: retop_engine::export::names::Names,
    /// What becomes of process arguments in exports: they carry passwords and keys.
    /// `None` leaves it to the command.
    pub arguments: Option<Arguments>,
    /// What `wait` waits for.
    pub wait: Wait,
    /// How recordings are written.
    pub record: Record,
    /// How recordings are shown.
    pub replay: Replay,
    /// The recordings that `export` and `query` read.
    pub recordings: Vec<PathBuf>,
    /// Where their window begins.
    pub from: Option<When>,
    /// Where it ends.
    pub until: Option<When>,
    /// What `export` writes.
    pub export: Export,
    /// What `query` asks.
    pub query: Query,
    /// What the screen looks like.
    pub screen: Screen,
    /// When to raise an alert.
    pub alerts: Alerts,
    /// Format of `retop metrics`.
    pub format: Format,
}

/// What `wait` waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wait {
    /// What one graphics processor must be.
    pub gpu: Option<Condition>,
    /// How long at most; `None` for ever.
    pub timeout: Option<Duration>,
}

/// What `export` writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    /// Where to.
    pub out: PathBuf,
    /// The format; `None` leaves it to the ending of the name.
    pub to: Option<To>,
    /// The tables; `None` for all.
    pub tables: Option<Tables>,
    /// One sample in each so long a time; `None` for all.
    pub every: Option<Duration>,
    /// Replace what is there.
    pub force: bool,
}

/// Tables of `export`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// Those of families.
    pub families: Vec<FamilyId>,
    /// The one of what happened.
    pub events: bool,
}

/// Formats of `export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// A folder of Parquet files, or one.
    Parquet,
    /// A folder of CSV files, or one.
    Csv,
    /// The lines of `--json`.
    Ndjson,
    /// OpenMetrics with times.
    OpenMetrics,
    /// A recording.
    Retop,
}

/// What `query` asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// What lines are ordered by.
    pub top: Top,
    /// What is added up.
    pub by: By,
    /// Lines at most; `None` leaves it to the output.
    pub lines: Option<usize>,
    /// One process.
    pub pid: Option<i64>,
}

/// How recordings are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The folder; `None` for the one below the state folder.
    pub folder: Option<PathBuf>,
    /// Bytes that all files may take.
    pub max_bytes: u64,
    /// How long samples are kept.
    pub max_age: Duration,
    /// Share of the file system that is left free.
    pub min_free: f64,
    /// When the disk is waited for.
    pub sync: Sync,
}

/// How recordings are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// The recording: a file, a folder, or the address of a running retop.
    pub path: Option<String>,
    /// The moment to begin at.
    pub at: Option<When>,
    /// How much faster than it was recorded a replay plays.
    pub speed: f64,
    /// Print how right its forecasts were instead of showing it.
    pub score: bool,
}

/// What the screen looks like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Screen {
    /// When to use colour.
    pub color: Color,
    /// Colours of the terminal; `None` asks the environment.
    pub color_depth: Option<Depth>,
    /// Name of the theme; `None` picks by the terminal.
    pub theme: Option<String>,
    /// The terminal's cursor stands on the selected row.
    pub accessible: bool,
    /// Fewer colours and frames; `None` if frames are slow to leave.
    pub low_bandwidth: Option<bool>,
    /// Characters whose width Unicode leaves open take two cells.
    pub ambiguous_wide: bool,
    /// Whether mouse reports are asked for.
    pub mouse: bool,
    /// Whose keys are in force.
    pub preset: Preset,
    /// What the config file binds instead.
    pub bound: Vec<Bound>,
    /// Sets of columns of the config file.
    pub columns: Vec<Set>,
    /// One row per core.
    pub show_cores: Option<bool>,
    /// How cores are drawn.
    pub core_view: CoreView,
    /// What the overview is made of.
    pub layout: Choice,
    /// The process table is open at the start.
    pub show_processes: Option<bool>,
    /// How long clocks were held is shown.
    pub show_residency: Option<bool>,
    /// Colours of charts and bars; `None` leaves them to the theme.
    pub palette: Option<Tint>,
    /// What charts are drawn with.
    pub chart_glyph: ChartGlyph,
    /// What power bars are relative to.
    pub power_scale: PowerScale,
    /// Window of rolling averages.
    pub average: Duration,
    /// Readings within one interval.
    pub subsamples: u64,
}

impl Screen {
    /// The keys of the screen.
    ///
    /// # Errors
    ///
    /// What the config file binds twice.
    pub fn keys(&self) -> Result<Keymap, String> {
        Keymap::new(self.preset, &self.bound)
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// If the terminal can, and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Never.
    Never,
    /// The terminal's own colours. The number is asitop's, which drew everything in that one.
    Palette(u8),
}

/// What charts are drawn with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChartGlyph {
    /// Braille dots, two by four in a cell.
    #[default]
    Dots,
    /// Blocks in eighths, for fonts without braille.
    Block,
    /// Seven bits, for fonts without either.
    Ascii,
}

/// What power bars are relative to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PowerScale {
    /// What the chip is known to draw at most.
    #[default]
    Profile,
    /// The highest value seen.
    Auto,
}

/// When to raise an alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerts {
    /// Nothing is watched for.
    pub off: bool,
    /// Memory bandwidth as a share of the chip's, in percent.
    pub bandwidth_percent: u64,
    /// Package power as a share of what the package is held to, in percent; `None` for no alert: a
    /// machine with much to do runs at its limit, and rightly so.
    pub package_power_percent: Option<u64>,
    /// Frequency under load as a share of the highest, in percent.
    pub throttle_frequency_percent: u64,
    /// Growth of swap within five minutes, in bytes; 0 for no alert.
    pub swap_rise_bytes: f64,
    /// Samples that a condition must hold for; `None` leaves it to each rule.
    pub sustain_samples: Option<u64>,
    /// Rules of the config file. Each of them is valid.
    pub rules: Vec<UserRule>,
}

/// Format of `retop metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Markdown, as in `docs/metrics.md`.
    #[default]
    Markdown,
    /// JSON.
    Json,
}
