//! What the process was started with. Read once, here, and passed on.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;

use etcetera::BaseStrategy;

/// The environment of the process.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Variables that start with `RETOP_` and are not empty.
    pub variables: BTreeMap<String, String>,
    /// Where `config.toml` is looked for: `retop` in the XDG config folder, on macOS too.
    pub config_folder: Option<PathBuf>,
    /// Where state that is no setting is kept: the last sort order, the filters used.
    pub state_folder: Option<PathBuf>,
    /// Where large files may be that nobody needs afterwards, the best first.
    pub temporary_folders: Vec<PathBuf>,
    /// `CUDA_VISIBLE_DEVICES`: the graphics processors that programs started here see.
    pub visible_devices: String,
    /// Where it was started.
    pub folder: Option<PathBuf>,
    /// Whether a person reads what is printed.
    pub stdout_is_terminal: bool,
    /// Whether a person reads what is said beside it.
    pub stderr_is_terminal: bool,
    /// Whether a person can press keys.
    pub stdin_is_terminal: bool,
    /// What the terminal says of itself.
    pub terminal: Terminal,
}

/// Variables that say what a terminal can do.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    /// `TERM`.
    pub term: String,
    /// `COLORTERM`.
    pub colorterm: String,
    /// `TERM_PROGRAM`.
    pub program: String,
    /// `COLORFGBG`.
    pub colors: String,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set and neither empty nor 0.
    pub force_color: bool,
    /// Whether the locale encodes text as UTF-8.
    pub utf8: bool,
}

/// `TMPDIR`, or else `/var/tmp`: that is on a disk where `/tmp` is in memory.
#[allow(clippy::disallowed_methods, reason = "part of the place that reads the environment")]
fn temporary_folders() -> Vec<PathBuf> {
    let named = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
    let first = named.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    vec![first, std::env::temp_dir()]
}

impl Environment {
    /// The environment of this process. A variable that is not UTF-8 counts as not set.
    #[must_use]
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    pub fn of_process() -> Environment {
        let get = |name: &str| std::env::var(name).unwrap_or_default();
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, value)| name.starts_with("RETOP_") && !value.is_empty())
            .collect();
        let folders = etcetera::base_strategy::Xdg::new().ok();
        let locale = [get("LC_ALL"), get("LC_CTYPE"), get("LANG")];
        Environment {
            variables,
            config_folder: folders.as_ref().map(|xdg| xdg.config_dir().join("retop")),
            state_folder: folders.and_then(|xdg| Some(xdg.state_dir()?.join("retop"))),
            temporary_folders: temporary_folders(),
            visible_devices: get("CUDA_VISIBLE_DEVICES"),
            folder: std::env::current_dir().ok(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            terminal: Terminal {
                term: get("TERM"),
                colorterm: get("COLORTERM"),
                program: get("TERM_PROGRAM"),
                colors: get("COLORFGBG"),
                no_color: !get("NO_COLOR").is_empty(),
                force_color: !matches!(get("CLICOLOR_FORCE").as_str(), "" | "0"),
                utf8: is_utf8(locale.each_ref().map(String::as_str)),
            },
        }
    }
}

/// Without any locale the C locale is in force, in which modern terminals still show UTF-8, and
/// containers have `LANG=C` for want of another; who sets `LC_ALL=C` means it. A locale that names no
/// encoding has an older one, of one byte a letter.
fn is_utf8([all, letters, language]: [&str; 3]) -> bool {
    if all == "C" || (all.is_empty() && letters == "C") {
        return false;
    }
    let locale = [all, letters, language].into_iter().find(|locale| !locale.is_empty());
    let locale = locale.unwrap_or_default();
    match locale.split_once('.') {
        Some((_, encoding)) => {
            let encoding = encoding.to_ascii_lowercase();
            encoding.starts_with("utf-8") || encoding.starts_with("utf8")
        }
        None => matches!(locale, "" | "C"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn locales() {
        let cases = [
            ("", true),
            ("C", true),
            ("C.UTF-8", true),
            ("de_DE.utf8", true),
            ("en_GB.UTF-8@euro", true),
            ("de_DE.ISO-8859-1", false),
            ("POSIX", false),
            ("en_US", false),
            ("de_DE@euro", false),
        ];
        for (locale, wanted) in cases {
            assert_eq!(super::is_utf8(["", "", locale]), wanted, "{locale}");
        }
        for (locale, wanted) in [
            (["C", "", ""], false),
            (["C", "C.UTF-8", "de_DE.UTF-8"], false),
            (["", "C", "de_DE.UTF-8"], false),
            (["C.UTF-8", "C", "C"], true),
            (["de_DE.UTF-8", "", "de_DE.ISO-8859-1"], true),
            (["de_DE.ISO-8859-1", "", "C.UTF-8"], false),
        ] {
            assert_eq!(super::is_utf8(locale), wanted, "{locale:?}");
        }
    }
}
