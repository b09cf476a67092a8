//! Everything in the repository that a program made.

use std::path::Path;

use anyhow::{Context, Result};
use clap_complete::Shell;

use crate::{cargo, must, root};

/// Makes all of it anew.
pub fn run() -> Result<()> {
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
    write(&generated.join("retop.1"), &page)?;
    write(&root().join("docs/metrics.md"), retop::run::metrics::markdown()?.as_bytes())?;
    must(cargo().args(["test", "--workspace", "--quiet"]).env("BLESS", "1"))
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
