//! How far long work has come, on a line of stderr that is drawn over and taken away at the end.

use std::io::Write;

use retop_model::human::{Duration, Percent, Size};
use rustix::termios::tcgetwinsize;

use crate::environment::Environment;

/// Nanoseconds between two drawings, and before the first: what is done at once needs no bar.
const EVERY_NS: u64 = 100_000_000;
const FIRST_NS: u64 = 400_000_000;
/// Columns of the bar, if the line is long enough for one.
const BAR: usize = 30;

/// Columns of the terminal behind stderr, if it is one.
#[must_use]
pub fn columns(environment: &Environment) -> Option<usize> {
    let size = environment.stderr_is_terminal.then(|| tcgetwinsize(std::io::stderr()))?.ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

/// A bar, or nothing where nobody looks.
pub struct Progress {
    /// Columns of the terminal; `None` if stderr is none.
    columns: Option<usize>,
    begun_ns: u64,
    due_ns: u64,
    drawn: bool,
}

impl Progress {
    /// Begins now.
    #[must_use]
    pub fn new(columns: Option<usize>, now_ns: u64) -> Progress {
        Progress {
            columns,
            begun_ns: now_ns,
            due_ns: now_ns.saturating_add(FIRST_NS),
            drawn: false,
        }
    }

    /// True if it is time to draw.
    #[must_use]
    pub fn is_due(&self, now_ns: u64) -> bool {
        self.columns.is_some() && now_ns >= self.due_ns
    }

    /// Draws the line: that share is done, so many bytes are written, if any are to be.
    pub fn draw(&mut self, out: &mut impl Write, now_ns: u64, share: f64, bytes: Option<u64>) {
        let Some(columns) = self.columns else { return };
        self.due_ns = now_ns.saturating_add(EVERY_NS);
        self.drawn = true;
        let passed = now_ns.saturating_sub(self.begun_ns) as f64 / 1e9;
        let line = line(columns, share, bytes, passed);
        // A bar that cannot be drawn is no reason to stop the work.
        let _ = write!(out, "\r{line}\x1b[K").and_then(|()| out.flush());
    }

    /// Takes the line away.
    pub fn clear(&mut self, out: &mut impl Write) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
        }
    }
}

fn line(columns: usize, share: f64, bytes: Option<u64>, passed: f64) -> String {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let mut text = format!("{:>4}", Percent(share).to_string());
    if let Some(bytes) = bytes {
        text += &format!("  {:>4} written", Size(bytes as f64));
    }
    if share > 0.0 {
        let left = passed * (1.0 - share) / share;
        text += &format!("  {} left", Duration(left));
    }
    // One column stays empty: a cursor behind the last one would begin a new line.
    let room = columns.saturating_sub(text.chars().count() + 3).min(BAR);
    if room >= 8 {
        let full = ((room as f64) * share).round() as usize;
        let bar: String = (0..room).map(|place| if place < full { '█' } else { '░' }).collect();
        return format!("{bar}  {text}");
    }
    text.chars().take(columns.saturating_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_and_says_how_far_it_is() {
        let cases = [
            (80, 0.5, "███████████████░░░░░░░░░░░░░░░   50%  1.0M written  12s left"),
            (80, 0.0, "░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  0.0%  1.0M written"),
            (80, 7.0, "██████████████████████████████  100%  1.0M written  0s left"),
            (80, f64::NAN, "░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  0.0%  1.0M written"),
            (40, 0.5, "█████░░░░   50%  1.0M written  12s left"),
            (20, 0.5, " 50%  1.0M written "),
            (0, 0.5, ""),
        ];
        for (columns, share, wanted) in cases {
            let line = line(columns, share, Some(1 << 20), 12.0);
            assert_eq!(line, wanted, "{columns} {share}");
            assert!(line.chars().count() < columns.max(1));
        }
    }

    #[test]
    fn nothing_is_drawn_where_nobody_looks_or_before_it_is_worth_it() {
        let mut out = Vec::new();
        let mut none = Progress::new(None, 0);
        assert!(!none.is_due(u64::MAX));
        none.draw(&mut out, 1, 0.5, Some(1));
        none.clear(&mut out);
        let mut bar = Progress::new(Some(80), 1_000);
        assert!(!bar.is_due(FIRST_NS) && bar.is_due(FIRST_NS + 1_000));
        bar.clear(&mut out);
        assert!(out.is_empty());
        bar.draw(&mut out, FIRST_NS + 1_000, 0.5, Some(1));
        assert!(!bar.is_due(FIRST_NS + 2_000));
        bar.clear(&mut out);
        assert!(out.starts_with(b"\r") && out.ends_with(b"\r\x1b[K"));
    }
}
