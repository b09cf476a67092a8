//! What lies on top of the screen.

use retop_model::Key;

use super::chooser::Chooser;
use super::edit::Editor;
use super::filter::Filter;

/// What keys go to instead of the table.
#[derive(Debug, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The filter being typed, and the one before.
    Filter(Editor, Option<Filter>),
    /// What is looked for, and the line where it began.
    Find(Editor, usize),
    /// The column to sort by: the line under the cursor.
    Sort(usize),
    /// The columns of the set on the screen.
    Columns(Chooser),
    /// The signal to send.
    Signal(SignalDialog),
    /// The help, scrolled.
    Help(usize),
}

/// The signal that shall be sent, and to whom: bound when the dialog opens.
#[derive(Debug)]
pub struct SignalDialog {
    /// The processes, by number and start time.
    pub targets: Vec<Key>,
    /// What they are called.
    pub title: String,
    /// The signal under the cursor.
    pub at: usize,
}

/// Signals by number, as on every system that retop runs on, the most wanted first.
pub const SIGNALS: [(i32, &str); 9] = [
    (15, "TERM"),
    (2, "INT"),
    (1, "HUP"),
    (3, "QUIT"),
    (9, "KILL"),
    (STOP, "STOP"),
    (CONT, "CONT"),
    (USR1, "USR1"),
    (USR2, "USR2"),
];

/// What each does to a program that does not mind it.
pub const SIGNAL_HELP: [&str; 9] = [
    "asks it to end",
    "as Ctrl-C does",
    "its terminal is gone; daemons reload",
    "ends it with a core dump",
    "ends it at once, nothing is saved",
    "stops it",
    "lets it go on",
    "its own meaning",
    "its own meaning",
];

use signal_hook::consts::{SIGCONT as CONT, SIGSTOP as STOP, SIGUSR1 as USR1, SIGUSR2 as USR2};

impl SignalDialog {
    /// SIGTERM preselected.
    #[must_use]
    pub fn new(targets: Vec<Key>, title: String) -> SignalDialog {
        SignalDialog { targets, title, at: 0 }
    }
}

impl Overlay {
    /// Rows must not move below a dialog; they may below help and a filter being typed.
    #[must_use]
    pub fn holds_rows(&self) -> bool {
        matches!(self, Overlay::Signal(_) | Overlay::Sort(_) | Overlay::Columns(_))
    }

    /// The line being typed.
    pub fn editor(&mut self) -> Option<&mut Editor> {
        match self {
            Overlay::Filter(editor, _) | Overlay::Find(editor, _) => Some(editor),
            _ => None,
        }
    }

    /// Moves the cursor of a list, which has so many lines if it is one of the table's.
    pub fn step(&mut self, by: isize, lines: usize) {
        let (at, lines) = match self {
            Overlay::Sort(at) => (at, lines),
            Overlay::Columns(chooser) => {
                let lines = chooser.lines.len();
                (&mut chooser.at, lines)
            }
            Overlay::Signal(dialog) => (&mut dialog.at, SIGNALS.len()),
            Overlay::Help(at) => (at, super::panel::help::lines()),
            _ => return,
        };
        *at = at.saturating_add_signed(by).min(lines.saturating_sub(1));
    }
}
