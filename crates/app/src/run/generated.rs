//! Completions and the man page. `cargo xtask bless` makes them from the table of options; they are
//! carried along as files so that the program needs no generator.

use crate::run::{Usage, print};

const MAN: &str = include_str!("../../generated/retop.1");

const COMPLETIONS: [(&str, &str); 4] = [
    ("bash", include_str!("../../generated/retop.bash")),
    ("zsh", include_str!("../../generated/_retop")),
    ("fish", include_str!("../../generated/retop.fish")),
    ("elvish", include_str!("../../generated/retop.elv")),
];

/// Prints the completions for a shell.
///
/// # Errors
///
/// For a shell without any.
pub fn completions(shell: &str) -> anyhow::Result<()> {
    match COMPLETIONS.iter().find(|(name, _)| *name == shell) {
        Some((_, text)) => print(text),
        None => Err(Usage(format!("no completions for '{shell}'")).into()),
    }
}

/// Prints the man page.
///
/// # Errors
///
/// If stdout takes no more.
pub fn man() -> anyhow::Result<()> {
    print(MAN)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shell_has_its_completions() {
        let shells: Vec<_> = super::COMPLETIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(shells, crate::command::SHELLS);
    }
}
