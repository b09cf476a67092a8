//! The command line: clap fed from the table of options, and its errors in one line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::error::{ContextKind, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use retop_engine::export::names::Names;

use crate::config::{self, Origin, Resolved};
use crate::environment::Environment;
use crate::older;
use crate::options::{OPTIONS, Opt, Scope};
use crate::run::command::Wanted;

/// The shells that completions exist for.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish", "elvish"];

const EXAMPLES: &str = "\
Examples:
  retop                                  the screen
  retop --json --interval 5s | jq .cpu   a stream of samples
  retop --once                           one report
  retop --serve 9090                     metrics for Prometheus
  retop record                           a recording, until somebody ends it
  retop query REC --from 14:00 --top io  who used the disks since then
  retop export REC OUT --to parquet      the recording as tables
  retop doctor                           what can be read here, what not, and why
  retop run -- make -j8                  what a command took: time, memory, I/O, energy
  retop wait --gpu 'free>20G' -- CMD     a command, once a GPU has room for it

Each option is also a key in config.toml and a variable (--no-mouse is RETOP_NO_MOUSE), except
those that say what to do. A flag wins over a variable, a variable over the file.
Exit status: 0 done, 1 failed, 2 wrong usage.";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The screen, or what `--json`, `--once` and `--serve` ask for.
    Watch,
    /// Say what can be read.
    Doctor,
    /// Print the table of metrics.
    Metrics,
    /// Record without a screen.
    Record,
    /// Show a recording.
    Replay,
    /// Write recordings in another format.
    Export,
    /// Say who used what in a recording.
    Query,
    /// Print completions for the shell of that name.
    Completions(&'static str),
    /// Print the man page.
    Man,
}

/// What the command line comes to.
#[derive(Debug)]
pub enum Parsed {
    /// Something to do.
    Run(Task, Box<Resolved>),
    /// A command to run and to report on.
    Command(Box<Resolved>, Wanted),
    /// Something to wait for, and the command to become then; none if that is all.
    Wait(Box<Resolved>, Vec<OsString>),
    /// A text that was asked for: help or version.
    Text(String),
    /// Wrong usage, in one line.
    Wrong(String),
}

/// The command line as clap knows it.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new("retop")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Shows what a machine is doing, what it was doing, and what that costs in watts")
        .after_help(EXAMPLES)
        .args_override_self(true)
        .disable_help_subcommand(true)
        .subcommand_help_heading("Commands")
        .subcommand_value_name("COMMAND");
    for option in OPTIONS {
        match option.scope {
            Scope::All => command = command.arg(argument(option).global(true)),
            Scope::Main | Scope::With(_) => command = command.arg(argument(option)),
            Scope::Among(_) | Scope::Only(_) => {}
        }
    }
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help("Read FILE and not config.toml in the XDG config folder")
        .help_heading(crate::options::Group::Watch.heading())
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .global(true);
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(SHELLS.to_vec());
    let folder = Arg::new("dir")
        .value_name("DIR")
        .help("Folder of the recording; it is made if it is not there")
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::DirPath);
    let path = Arg::new("path")
        .value_name("FILE|DIR|URL")
        .help("The recording, or the address of a running retop: http://HOST:PORT")
        .required(true)
        .value_hint(ValueHint::AnyPath);
    let out = Arg::new("out")
        .value_name("OUT")
        .help("Folder or file to be made; - is stdout, for ndjson")
        .required(true)
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::AnyPath);
    command
        .arg(config)
        .subcommand(subcommand(
            "doctor",
            "Say what can be read here, what not, and what would help",
        ))
        .subcommand(run())
        .subcommand(wait())
        .subcommand(
            subcommand("record", "Record without a screen, into DIR or the XDG state folder")
                .arg(folder),
        )
        .subcommand(subcommand("replay", "Show a recording: the whole screen as it was").arg(path))
        .subcommand(
            subcommand("export", "Write recordings as tables, series, lines or a part of them")
                .args([recording(), out]),
        )
        .subcommand(
            subcommand("query", "Say who used what in a window of recordings").arg(recording()),
        )
        .subcommand(subcommand("metrics", "Print every metric with its unit and meaning"))
        .subcommand(subcommand("completions", "Print completions for a shell").arg(shell))
        .subcommand(subcommand("man", "Print the man page"))
}

/// The words behind the options are the command's, whatever they begin with.
fn words() -> Arg {
    Arg::new("words")
        .value_name("COMMAND")
        .help("The command and its arguments; -- before it keeps its options apart")
        .num_args(1..)
        .trailing_var_arg(true)
        .value_parser(clap::value_parser!(OsString))
        .value_hint(ValueHint::CommandWithArguments)
}

fn wait() -> Command {
    subcommand("wait", "Wait for a GPU to be free, then become a command that uses it")
        .after_help(
            "The command sees that GPU alone: CUDA_VISIBLE_DEVICES is set to its identity, as is \
             RETOP_GPU:\n  \
             retop wait --gpu 'free>20G util<5% for=60s' -- python train.py\n\
             Where CUDA_VISIBLE_DEVICES is set already, only GPUs in it are waited for.\n\n\
             Conditions: free, used, vram, util, power, temp and every metric of gpus in \
             'retop metrics',\nwith < <= > >=; all must hold of one GPU. What is not known does \
             not hold.\nExit status: that of the command; 124 after --timeout.",
        )
        .arg(words())
}

fn run() -> Command {
    let report = "Report as one line of JSON";
    let output = Arg::new("output")
        .long("output")
        .value_name("FILE")
        .help("Write the report to FILE and not to stderr")
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath);
    subcommand("run", "Run a command and report what it took: time, memory, I/O, energy")
        .arg(Arg::new("report").long("json").action(ArgAction::SetTrue).help(report))
        .arg(output)
        .arg(words().required(true))
}

fn recording() -> Arg {
    Arg::new("recording")
        .value_name("REC")
        .help("Folder of a recording, or files of one")
        .required(true)
        .num_args(1..)
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::AnyPath)
}

fn subcommand(name: &'static str, about: &'static str) -> Command {
    let own = OPTIONS.iter().filter(|option| option.is_of(name)).map(argument);
    Command::new(name).about(about).args(own)
}

fn argument(option: &'static Opt) -> Arg {
    let mut arg = Arg::new(option.long)
        .long(option.long)
        .aliases(option.aliases.to_vec())
        .help(option.full_help())
        .help_heading(option.group.heading());
    if let Some(short) = option.short {
        arg = arg.short(short);
    }
    if option.is_switch() {
        // Of `--show-cores` and `--no-show-cores` the last one given holds.
        let opposite = OPTIONS.iter().find(|other| {
            other.long.strip_prefix("no-") == Some(option.long)
                || option.long.strip_prefix("no-") == Some(other.long)
        });
        return arg.action(ArgAction::SetTrue).overrides_with_all(opposite.map(|other| other.long));
    }
    if !option.choices.is_empty() {
        let choices = option.choices.iter().map(|&choice| PossibleValue::new(choice));
        let theirs = option.also.iter().map(|&word| PossibleValue::new(word).hide(true));
        arg =
            arg.value_parser(choices.chain(theirs).collect::<Vec<_>>()).hide_possible_values(true);
    }
    let hint = if option.value == "DIR" { ValueHint::DirPath } else { ValueHint::Other };
    // A negative number is a wrong value, not an unknown flag.
    arg.value_name(option.value)
        .value_hint(hint)
        .allow_negative_numbers(true)
        // `-10m` is a moment.
        .allow_hyphen_values(option.value == "MOMENT")
}

/// Parses the command line and adds file and variables.
#[must_use]
pub fn parse(args: impl IntoIterator<Item = OsString>, environment: &Environment) -> Parsed {
    let words = match older::translate(args) {
        Ok(words) => words,
        Err(message) => return Parsed::Wrong(message),
    };
    let matches = match command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => {
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    Parsed::Text(error.render().to_string())
                }
                _ => Parsed::Wrong(one_line(&error)),
            };
        }
    };
    let wanted = matches.subcommand_matches("run").map(|own| Wanted {
        words: own.get_many::<OsString>("words").into_iter().flatten().cloned().collect(),
        json: own.get_flag("report"),
        output: own.get_one::<PathBuf>("output").cloned(),
    });
    let words = matches
        .subcommand_matches("wait")
        .map(|own| own.get_many::<OsString>("words").into_iter().flatten().cloned().collect());
    match resolve(&matches, environment) {
        Ok((_, resolved)) if words.is_some() => {
            Parsed::Wait(Box::new(resolved), words.unwrap_or_default())
        }
        Ok((_, resolved)) if wanted.is_some() => {
            Parsed::Command(Box::new(resolved), wanted.unwrap_or_default())
        }
        Ok((task, resolved)) => Parsed::Run(task, Box::new(resolved)),
        Err(message) => Parsed::Wrong(message),
    }
}

fn resolve(matches: &ArgMatches, environment: &Environment) -> Result<(Task, Resolved), String> {
    let (task, own) = match matches.subcommand() {
        Some(("doctor", own)) => (Task::Doctor, own),
        Some(("metrics", own)) => (Task::Metrics, own),
        Some(("man", own)) => (Task::Man, own),
        Some(("run" | "wait", own)) => (Task::Doctor, own),
        Some(("record", own)) => (Task::Record, own),
        Some(("replay", own)) => (Task::Replay, own),
        Some(("export", own)) => (Task::Export, own),
        Some(("query", own)) => (Task::Query, own),
        Some(("completions", own)) => {
            let shell = own.get_one::<String>("shell").map_or("", String::as_str);
            let shell = SHELLS.iter().find(|known| **known == shell).copied();
            (Task::Completions(shell.unwrap_or("bash")), own)
        }
        _ => (Task::Watch, matches),
    };
    // Completions must come even where the config file is broken.
    if matches!(task, Task::Completions(_) | Task::Man) {
        return Ok((task, Resolved::defaults()));
    }
    let named = environment.variables.get("RETOP_CONFIG").map(PathBuf::from);
    let file = own.get_one::<PathBuf>("config").cloned().or(named);
    let mut resolved = config::load(environment, file.as_deref())?;
    for option in OPTIONS {
        let from = match option.scope {
            // `retop --interval 5s record` and `retop record --interval 5s` are the same.
            Scope::Main | Scope::With(_) if stands_in(own, option.long) => own,
            Scope::Main | Scope::With(_) => matches,
            Scope::All | Scope::Among(_) | Scope::Only(_) => own,
        };
        let text = if option.is_switch() {
            let on = from.try_get_one::<bool>(option.long).ok().flatten().copied();
            on.unwrap_or(false).then_some("true")
        } else {
            from.try_get_one::<String>(option.long).ok().flatten().map(String::as_str)
        };
        let Some(text) = text else { continue };
        resolved
            .set(option, text, Origin::Flag)
            .map_err(|why| format!("--{}: {why}", option.long))?;
    }
    match task {
        Task::Watch => consistent(&resolved)?,
        Task::Replay => {
            resolved.settings.replay.path = own.get_one::<String>("path").cloned();
            crate::run::score::consistent(&resolved.settings, |name| {
                resolved.origin(name) == Origin::Flag
            })
            .map_err(|usage| usage.0)?;
        }
        Task::Record => resolved.settings.record.folder = own.get_one::<PathBuf>("dir").cloned(),
        Task::Export | Task::Query => {
            let recordings = own.get_many::<PathBuf>("recording").into_iter().flatten();
            resolved.settings.recordings = recordings.cloned().collect();
            if task == Task::Export {
                let out = own.get_one::<PathBuf>("out").cloned();
                resolved.settings.export.out = out.unwrap_or_default();
            }
            let given = |name: &str| resolved.origin(name) == Origin::Flag;
            let consistent = match task {
                Task::Export => crate::run::export::consistent(&resolved.settings, given),
                _ => crate::run::query::consistent(&resolved.settings, given),
            };
            consistent.map_err(|usage| usage.0)?;
            // The filter of the config file is the screen's; an export lacks nothing unasked.
            if !given("filter") {
                resolved.settings.filter = None;
            }
        }
        _ => {}
    }
    Ok((task, resolved))
}

/// True if the option was given behind the subcommand.
fn stands_in(own: &ArgMatches, long: &str) -> bool {
    let taken = own.try_contains_id(long).is_ok();
    taken && own.value_source(long) == Some(ValueSource::CommandLine)
}

/// Flags that mean nothing without another one are refused: nobody gives them for nothing.
fn consistent(resolved: &Resolved) -> Result<(), String> {
    let settings = &resolved.settings;
    if settings.serve.is_some() && (settings.json || settings.once) {
        let other = if settings.json { "json" } else { "once" };
        return Err(format!("--serve and --{other} are two tasks; start retop twice"));
    }
    let given = |option: &&Opt| resolved.origin(option.long) == Origin::Flag;
    for Opt { long, value, .. } in OPTIONS.iter().filter(given) {
        // A server has processes for alerts, for groups and in the history that it gives away.
        let served = settings.serve.is_some() && *long != "samples";
        let stream = ["samples", "processes", "args"].contains(long) && !settings.json && !served;
        // Under the names of actop a server tells of processes.
        let tells = settings.names == Names::Actop;
        let report = settings.once && !settings.json || settings.serve.is_some() && !tells;
        if stream || report && *long == "filter" {
            return Err(format!("--{long} is for the stream: retop --json --{long} {value}"));
        }
    }
    let replay = settings.source.as_ref().is_some_and(|source| source.starts_with("replay:"));
    if settings.replay.at.is_some() && !replay {
        return Err("--at is for recordings: retop replay FILE --at MOMENT".to_owned());
    }
    settings.screen.keys()?;
    if settings.source.is_some() && resolved.origin("root") != Origin::Default {
        return Err("--root and --source name two machines; give one of them".to_owned());
    }
    Ok(())
}

/// What clap has to say, in one line and lower case, with what to write instead.
fn one_line(error: &clap::Error) -> String {
    let get = |kind| error.get(kind).map(ToString::to_string);
    let subject = get(ContextKind::InvalidArg).or_else(|| get(ContextKind::InvalidSubcommand));
    let subject = subject.unwrap_or_default();
    // `--interval <TIME>` is how clap names an option with a value.
    let name = subject.split_whitespace().next().unwrap_or_default();
    // What clap takes for alike is not always.
    let near = get(ContextKind::SuggestedArg);
    let is_near = |near: &String| {
        near.starts_with(name) || crate::value::nearest(name, [near.as_str()]).is_some()
    };
    let near = near.filter(is_near);
    let help = "retop --help lists the rest";
    let ours = older::elsewhere(name);
    match error.kind() {
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand if !name.starts_with('-') => {
            let known = command();
            let known: Vec<_> = known.get_subcommands().map(|c| c.get_name().to_owned()).collect();
            let near = crate::value::nearest(name, known.iter().map(String::as_str));
            match near {
                _ if ours.is_some() => {
                    format!("unknown command '{name}'; here it is: {}", ours.unwrap_or(""))
                }
                Some(near) => format!("unknown command '{name}'; there is '{near}'; {help}"),
                None => format!("unknown command '{name}'; {help}"),
            }
        }
        ErrorKind::UnknownArgument => match near {
            _ if ours.is_some() => {
                format!("unknown option '{name}'; here it is: {}", ours.unwrap_or(""))
            }
            Some(near) => format!("unknown option '{name}'; there is '{near}'; {help}"),
            None => format!("unknown option '{name}'; {help}"),
        },
        ErrorKind::InvalidValue => {
            let valid = get(ContextKind::ValidValue).unwrap_or_default();
            match get(ContextKind::InvalidValue).filter(|value| !value.is_empty()) {
                Some(value) => format!("{name}: '{value}' is none of {valid}"),
                None => format!("{name} needs a value: {subject}"),
            }
        }
        ErrorKind::MissingRequiredArgument => match name {
            "<SHELL>" => format!("{name} is missing; write one of: {}", SHELLS.join(", ")),
            _ => format!("{name} is missing; {help}"),
        },
        ErrorKind::TooManyValues => format!("{name} takes no value; {help}"),
        ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8".to_owned(),
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            config::lower(first.trim_start_matches("error: "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(args: &str) -> String {
        let args = std::iter::once("retop").chain(args.split_whitespace()).map(OsString::from);
        match parse(args, &Environment::default()) {
            Parsed::Wrong(message) => message,
            other => panic!("accepted: {other:?}"),
        }
    }

    fn right(args: &str) -> (Task, Resolved) {
        let args = std::iter::once("retop").chain(args.split_whitespace()).map(OsString::from);
        match parse(args, &Environment::default()) {
            Parsed::Run(task, resolved) => (task, *resolved),
            other => panic!("refused: {other:?}"),
        }
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_command() {
        command().debug_assert();
    }

    #[test]
    fn a_replay_takes_what_the_screen_takes() {
        for args in [
            "replay x --filter cpu>1 --theme mono --at -5m",
            "--filter cpu>1 --theme mono replay x --at -5m",
            "replay -f cpu>1 x --theme mono",
        ] {
            let (task, resolved) = right(args);
            assert_eq!(task, Task::Replay, "{args}");
            assert_eq!(resolved.settings.filter.as_deref(), Some("cpu>1"), "{args}");
            assert_eq!(
                resolved.settings.screen.theme,
                right("--theme mono").1.settings.screen.theme,
                "{args}"
            );
        }
        let (_, later) = right("--filter a replay x --filter b");
        assert_eq!(later.settings.filter.as_deref(), Some("b"));
        assert!(wrong("record --theme mono").starts_with("unknown option '--theme'"));
        assert!(wrong("replay x --serve").starts_with("unknown option '--serve'"));
    }

    #[test]
    fn errors_are_one_line_and_say_what_to_do() {
        let cases = [
            (
                "--intervall 1",
                "unknown option '--intervall'; there is '--interval'; retop --help lists the rest",
            ),
            ("--xyzzy", "unknown option '--xyzzy'; retop --help lists the rest"),
            (
                "--alert-sustain 3",
                "unknown option '--alert-sustain'; there is '--alert-sustain-samples'; \
                 retop --help lists the rest",
            ),
            ("--headless", "unknown option '--headless'; here it is: --json"),
            ("--prometheus 9", "unknown option '--prometheus'; here it is: --serve [ADDR:]PORT"),
            (
                "serve",
                "unknown command 'serve'; here it is: retop --serve [ADDR:]PORT --names macmon",
            ),
            ("--palette rainbow", "--palette: 'rainbow' is none of theme, thermal, viridis, mono"),
            ("--layout rows", "--layout: 'rows' is none of auto, stack, table"),
            ("doctr", "unknown command 'doctr'; there is 'doctor'; retop --help lists the rest"),
            ("nonsense", "unknown command 'nonsense'; retop --help lists the rest"),
            ("--interval", "--interval needs a value: --interval <TIME>"),
            ("--interval -1", "--interval: '-1' is no time; write 0.5, 500ms, 2s, 1m or 1h"),
            ("--interval 0", "--interval: '0' is out of range; write a time from 0.1s to 24h"),
            ("--color 9", "--color: '9' is none of auto, always, never or 0 to 8"),
            ("--json=yes", "--json takes no value; retop --help lists the rest"),
            ("--samples 3", "--samples is for the stream: retop --json --samples N"),
            ("--once -f x", "--filter is for the stream: retop --json --filter FILTER"),
            ("--serve 1 --json", "--serve and --json are two tasks; start retop twice"),
            ("--serve 1 --samples 3", "--samples is for the stream: retop --json --samples N"),
            ("--root / --source sim:x", "--root and --source name two machines; give one of them"),
            ("completions", "<SHELL> is missing; write one of: bash, zsh, fish, elvish"),
            ("completions tcsh", "<SHELL>: 'tcsh' is none of bash, zsh, fish, elvish"),
            ("doctor --json", "unknown option '--json'; retop --help lists the rest"),
            ("metrics --format xml", "--format: 'xml' is none of md, json"),
        ];
        for (args, wanted) in cases {
            assert_eq!(wrong(args), wanted, "{args}");
        }
    }

    #[test]
    fn the_old_command_lines_work() {
        let (task, resolved) = right(
            "--interval 2 --avg 30 --subsamples 2 --color 2 --show_cores --core-view history \
             --show-processes --proc-filter python|ollama --power-scale auto --chart-glyph block \
             --alert-bw-sat-percent 80 --alert-package-power-percent 90 --alert-swap-rise-gb 0.5 \
             --alert-sustain-samples 4",
        );
        assert_eq!(task, Task::Watch);
        assert_eq!(resolved.settings.screen.show_cores, Some(true));
        assert_eq!(resolved.settings.filter.as_deref(), Some("python|ollama"));
        assert_eq!(resolved.settings.alerts.sustain_samples, Some(4));
        let (_, resolved) = right(
            "--show-residency --no-show-residency --layout grid --theme textual-dark --palette mono \
             --no-show-processes --show_cores true --max_count 3 --alert-swap-rise-gib 0.2",
        );
        let screen = &resolved.settings.screen;
        assert_eq!(screen.show_residency, Some(false));
        assert_eq!((screen.show_processes, screen.show_cores), (Some(false), Some(true)));
        assert_eq!(screen.layout, crate::tui::layout::Choice::Auto);
        let (_, resolved) = right("--serve 1 --names actop --serve-processes --proc-filter Py");
        assert_eq!(resolved.settings.filter.as_deref(), Some("/Py/i"));
        assert!(resolved.settings.serve_processes);
        let (_, resolved) = right("--no-show_cores --show_cores --interval 1 --interval 3");
        assert_eq!(resolved.settings.screen.show_cores, Some(true));
        assert_eq!(resolved.settings.interval.as_secs(), 3);
        let (_, resolved) = right("--show_cores --no-show_cores");
        assert_eq!(resolved.settings.screen.show_cores, Some(false));
    }

    #[test]
    fn global_options_stand_before_and_after_a_command() {
        for args in ["--source sim:x doctor", "doctor --source sim:x"] {
            let (task, resolved) = right(args);
            assert_eq!((task, resolved.settings.source.as_deref()), (Task::Doctor, Some("sim:x")));
        }
        assert_eq!(right("metrics --format json").1.settings.format, crate::settings::Format::Json);
        assert_eq!(right("completions zsh").0, Task::Completions("zsh"));
        assert_eq!(right("man").0, Task::Man);
    }

    #[test]
    fn help_names_every_option() {
        let args = ["retop", "--help"].map(OsString::from);
        let Parsed::Text(help) = parse(args, &Environment::default()) else { panic!("no help") };
        for option in
            OPTIONS.iter().filter(|option| option.scope == Scope::All || option.scope.is_main())
        {
            assert!(help.contains(&format!("--{}", option.long)), "{}", option.long);
        }
    }
}
