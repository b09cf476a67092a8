//! Everything in the repository that a program made.

use std::path::Path;

use anyhow::{Context, Result};
use clap_complete::Shell;
use retop::tui::keys::{BINDINGS, Binding, Mode};

use crate::{cargo, must, root};

/// Makes all of it anew.
pub fn run() -> Result<()> {
    pages()?;
    must(cargo().args(["test", "--workspace", "--quiet"]).env("BLESS", "1"))
}

/// What needs no test to be run: metrics, man page, completions, keys.
pub fn pages() -> Result<()> {
    let generated = root().join("crates/app/generated");
    let mut command = retop::command::command();
    command.build();
    let shells = [
        (Shell::Bash, "retop.bash"),
        (Shell::Zsh, "_retop"),
        (Shell::Fish, "retop.fish"),
        (Shell::Elvish, "retop.elv"),
    ];
    for (shell, file) in shells {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut retop::command::command(), "retop", &mut text);
        write(&generated.join(file), &text)?;
    }
    let mut page = Vec::new();
    // No version in the page: a release would then change a file that nobody touched.
    let manual = clap_mangen::Man::new(command).source("retop").manual("User Commands");
    manual.render(&mut page)?;
    page.extend_from_slice(manual_keys().as_bytes());
    write(&generated.join("retop.1"), &page)?;
    pictures()?;
    write(&root().join("docs/metrics.md"), retop::run::metrics::markdown()?.as_bytes())?;
    let readme = root().join("README.md");
    let page = std::fs::read_to_string(&readme)?;
    let page =
        between(&page, "keys", &keys(Mode::Live)).context("README.md: no markers for the keys")?;
    let page = between(&page, "rewind keys", &keys(Mode::Rewind))
        .context("README.md: no markers for the keys of the past")?;
    let page = between(&page, "details keys", &keys(Mode::Pane))
        .context("README.md: no markers for the keys of details")?;
    write(&readme, page.as_bytes())
}

/// The pictures of the screen.
pub fn pictures() -> Result<()> {
    for (file, picture) in crate::picture::draw()? {
        write(&root().join(file), picture.as_bytes())?;
    }
    Ok(())
}

/// The keys of the screen for the man page, with the names that `[keys]` knows their actions by.
fn manual_keys() -> String {
    let mut text = String::from(
        ".SH KEYS\nWhat keys do on the screen. In brackets stands the name of the action, which a table \\fB[keys]\\fR\n\
         of config.toml binds to other keys.\n",
    );
    let plain = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    for mode in Mode::ALL {
        text += &format!(".SS {}\n", mode.title());
        for binding in BINDINGS.iter().filter(|binding| binding.mode == mode) {
            let keys: Vec<String> =
                binding.keys.iter().map(|key| plain(&key.to_string())).collect();
            let keys = if keys.is_empty() { "no key".to_owned() } else { keys.join(" ") };
            text +=
                &format!(".TP\n\\fB{keys}\\fR\n{} [{}]\n", plain(binding.help), plain(binding.id));
        }
    }
    text
}

/// The keys of a part of the screen, as a table.
fn keys(mode: Mode) -> String {
    let mut text = String::from("| key | does |\n|---|---|\n");
    let bound = |binding: &&Binding| binding.mode == mode && !binding.keys.is_empty();
    for binding in BINDINGS.iter().filter(bound) {
        let keys: Vec<String> = binding
            .keys
            .iter()
            .map(|key| format!("`{}`", key.to_string().replace('|', "\\|")))
            .collect();
        text += &format!("| {} | {} |\n", keys.join(" "), binding.help);
    }
    text
}

/// A page with new text between `<!-- name -->` and `<!-- /name -->`.
pub fn between(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{text}{end}{after}"))
}

fn write(path: &Path, text: &[u8]) -> Result<()> {
    let old = std::fs::read(path).unwrap_or_default();
    if old == text {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    println!("{}", path.strip_prefix(root()).unwrap_or(path).display());
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_between_the_markers_and_nowhere_else() {
        let page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
        let wanted = "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n";
        assert_eq!(between(page, "x", "new\n").as_deref(), Some(wanted));
        assert_eq!(between(page, "y", "new"), None);
    }

    #[test]
    fn every_key_has_a_row() {
        for mode in [Mode::Live, Mode::Rewind] {
            let rows = keys(mode).lines().count() - 2;
            let bound = |b: &&Binding| b.mode == mode && !b.keys.is_empty();
            assert_eq!(rows, BINDINGS.iter().filter(bound).count());
        }
    }
}
