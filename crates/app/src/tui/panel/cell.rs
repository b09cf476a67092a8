//! What stands in the cells of the table: of a process, of several together, of a thread.

use retop_model::family::{process, thread};
use retop_model::human::{Count, Duration, MISSING, Size, Value};
use retop_model::metric::Slot;
use retop_model::snapshot::Sum;
use retop_model::{FamilyId, Field, Key, Row, Snapshot, Terminal, TextField};

use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Glyphs, Pen, width};
use crate::tui::table::column::Form;
use crate::tui::table::order::{Line, Order, What, thread_field};
use crate::tui::theme::on_ramp;
use crate::tui::units::{self, Text};

/// What a line of the table is about.
pub struct Subject<'a> {
    now: &'a Snapshot,
    /// The process, the first of a group, or the thread.
    pub row: Row<'a>,
    /// Its line.
    pub line: &'a Line,
    members: &'a [u32],
}

impl<'a> Subject<'a> {
    /// What that line is about at that moment.
    #[must_use]
    pub fn new(now: &'a Snapshot, order: &'a Order, line: &'a Line) -> Option<Subject<'a>> {
        let family = match line.what {
            What::Process | What::Group(_) | What::Gone => FamilyId::Process,
            What::Thread => FamilyId::Thread,
        };
        let row = match line.what {
            What::Gone => order.gone(line)?,
            _ => now.row(family, line.row as usize)?,
        };
        Some(Subject { now, row, line, members: order.members(line) })
    }

    /// True if it is about several processes.
    #[must_use]
    pub fn is_several(&self) -> bool {
        !self.members.is_empty()
    }

    /// True if all of it is tagged.
    #[must_use]
    pub fn is_tagged(&self, tagged: &[Key]) -> bool {
        let is_in = |row: Row<'_>| tagged.contains(&row.key());
        match self.line.what {
            _ if tagged.is_empty() => false,
            What::Process => is_in(self.row),
            What::Group(_) => self.each().all(is_in),
            What::Thread | What::Gone => false,
        }
    }

    fn each(&self) -> impl Iterator<Item = Row<'a>> {
        let (now, members) = (self.now, self.members);
        members.iter().filter_map(move |&row| now.row(FamilyId::Process, row as usize))
    }

    /// A number: of several the sum, where they add up, else what all of them have. A folded
    /// process keeps what is its own.
    fn get(&self, field: Field) -> Sum {
        let single = |value: Option<f64>| Sum { value, partial: false };
        match self.line.what {
            // What it did last it does no longer.
            What::Gone => single(None),
            What::Thread => single(thread_field(field).and_then(|field| self.row.get(field))),
            _ if !self.is_several() => single(self.row.get(field)),
            _ => {
                let whole = self.now.whole(FamilyId::Process, self.members).get(field);
                let own = || match self.line.what {
                    What::Process => self.row.get(field),
                    _ => None,
                };
                if field.adds() { whole } else { Sum { value: whole.value.or_else(own), ..whole } }
            }
        }
    }

    /// A number that names something, as it was read: of a group only what all have in common.
    fn raw(&self, field: Field) -> Option<i64> {
        match self.line.what {
            What::Thread => self.row.raw(thread_field(field)?),
            What::Gone => self.row.raw(field).filter(|_| field == process::pid),
            What::Process => self.row.raw(field),
            What::Group(_) => {
                let first = self.row.raw(field)?;
                self.each().all(|row| row.raw(field) == Some(first)).then_some(first)
            }
        }
    }

    /// A text; of a group only what all have in common.
    #[must_use]
    pub fn text(&self, field: TextField) -> &'a str {
        match self.line.what {
            What::Thread => "",
            What::Process | What::Gone => self.row.shown(field),
            What::Group(_) => {
                let first = self.row.shown(field);
                if self.each().all(|row| row.shown(field) == first) { first } else { "" }
            }
        }
    }

    /// True if a rate has its first sample and waits for the second.
    fn is_pending(&self, app: &App, form: Form) -> bool {
        match (self.line.what, form) {
            (What::Thread, Form::Percent(field)) => {
                thread_field(field).is_some_and(|field| matches!(field.slot, Slot::Derived(_)))
            }
            (What::Thread | What::Gone, _) => false,
            _ => app.is_pending(self.row, form),
        }
    }
}

/// A number's text and look. Nothing is `–`, what is still to come `…`, zero is dim, and a sum that
/// lacks a part is `≥`.
pub fn number(
    app: &App,
    subject: &Subject<'_>,
    form: Form,
    (room, ascii): (u16, bool),
) -> (Text, Pen) {
    let (text, pen, partial) = whole(app, subject, form, room);
    if !partial {
        return (text, pen);
    }
    let mark = if ascii { '>' } else { '≥' };
    let marked = short!("{mark}{}", &*text);
    match (width(&marked) <= room, text.split_once('.')) {
        (true, _) | (_, None) => (marked, pen),
        // Where both have no room, the part behind the point is the lesser loss.
        (false, Some((before, _))) => (short!("{mark}{before}"), pen),
    }
}

fn whole(app: &App, subject: &Subject<'_>, form: Form, room: u16) -> (Text, Pen, bool) {
    let theme = &app.theme;
    let missing =
        || (short!("{}", units::missing(subject.is_pending(app, form))), theme.dim, false);
    let text = |field: Field, text: &dyn Fn(f64) -> Text| match subject.get(field) {
        Sum { value: Some(value), partial } => {
            let text = text(value);
            // What is rounded to nothing looks like nothing.
            let nothing = !text.chars().any(|c| matches!(c, '1'..='9'));
            let pen = if nothing { theme.dim } else { theme.text };
            (text, pen, partial)
        }
        Sum { value: None, .. } => missing(),
    };
    match form {
        Form::State => {
            let Some(state) = subject.raw(process::state) else {
                let known = subject.is_several() || subject.line.what == What::Gone;
                let unknown = if known { MISSING } else { "?" };
                return (short!("{unknown}"), theme.dim, false);
            };
            let letter = process::state_letter(state);
            let pen = match letter {
                'R' => theme.ok,
                'D' | 'T' | 't' => theme.warn,
                'Z' | 'X' => theme.crit,
                _ => theme.dim,
            };
            (short!("{letter}"), pen, false)
        }
        Form::Percent(field) => {
            let field = match app.table.whole_machine && field == process::cpu_ratio {
                true => process::cpu_machine_ratio,
                false => field,
            };
            let Sum { value: Some(share), partial } = subject.get(field) else { return missing() };
            let pen = match share {
                share if share < 0.0005 => theme.dim,
                share if share >= 0.1 => on_ramp(&theme.util, share.min(1.0)),
                _ => theme.text,
            };
            let text = units::percent(share);
            // MEM% has four cells: 100.0 would be one too many.
            let text = if width(&text) > room { short!("{:.0}", share * 100.0) } else { text };
            (text, pen, partial)
        }
        Form::Size(field) => text(field, &|bytes| short!("{}", Size(bytes))),
        Form::Count(field) => text(field, &|number| short!("{}", Count(number))),
        Form::Number(field) => match name_of(subject, field) {
            Some(number) => {
                let text = short!("{number}");
                // What no machine says is cut nowhere: fewer digits are better than the last ones.
                let fits = width(&text) <= room;
                let text = if fits { text } else { short!("{}", Count(number as f64)) };
                (text, theme.text, false)
            }
            None => missing(),
        },
        Form::Terminal => match subject.raw(process::terminal) {
            Some(number) => {
                let pen = if number == 0 { theme.dim } else { theme.text };
                (short!("{}", Terminal(number)), pen, false)
            }
            None => missing(),
        },
        Form::Value(field) => text(field, &|value| short!("{}", Value(field.unit(), value))),
        Form::Time(field) => text(field, &units::cpu_time),
        Form::Span(field) => text(field, &|seconds| short!("{}", Duration(seconds))),
        Form::Text(_) | Form::Command => (Text::new(), theme.text, false),
    }
}

/// The command after the branches of the tree: its folder dim, its name bright.
pub fn command(app: &App, subject: &Subject<'_>, back: Option<Pen>, canvas: &mut Canvas<'_>) {
    let (theme, row, line) = (&app.theme, subject.row, subject.line);
    let mut x = branches(app, subject, back, canvas);
    let room = canvas.width().saturating_sub(x);
    match line.what {
        What::Group(_) => {
            let text = app.table.group.map_or("", |by| row.shown(by));
            let text = if text.is_empty() { MISSING } else { text };
            canvas.field(x, 0, room, text, theme.accent.over(back));
            return;
        }
        What::Thread => {
            canvas.field(x, 0, room, row.shown(thread::name), theme.dim.over(back));
            return;
        }
        What::Process | What::Gone => {}
    }
    let name = row.shown(process::name);
    let full = row.shown(process::command);
    let plain = if line.beside { theme.dim } else { theme.text };
    if row.raw(process::kernel) == Some(1) {
        canvas.text(x, 0, &short!("[{name}]"), theme.dim.over(back));
        return;
    }
    let bright = if line.beside { theme.dim } else { theme.accent };
    // A command that was not read yet, or that nobody may read, still has a name.
    if !app.table.full_commands || full.is_empty() {
        canvas.field(x, 0, room, name, bright.over(back));
        return;
    }
    let program = full.split(' ').next().unwrap_or("");
    let folder = program.rfind('/').map_or(0, |slash| slash + 1);
    let end = canvas.width();
    let whole = x.saturating_add(width(full));
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    // Where not all fits, what runs says more than the folder that it is in.
    let (lead, left_out) = if ascii { (".../", 4) } else { ("…/", 2) };
    let shortens = whole > end && app.table.shift == 0 && width(&full[..folder]) > left_out;
    let (lead, left_out) =
        if shortens { (lead, width(&full[..folder]) - left_out) } else { (&full[..folder], 0) };
    let parts = [
        (lead, theme.dim),
        (&full[folder..program.len()], bright),
        (&full[program.len()..], plain),
    ];
    let mut skip = app.table.shift;
    let fits = whole.saturating_sub(left_out) <= end;
    for (part, pen) in parts {
        for c in part.chars() {
            if skip > 0 {
                skip -= 1;
            } else if x < end {
                x = canvas.put(x, 0, c, pen.over(back));
            }
        }
    }
    if !fits && app.table.shift == 0 && end > 0 {
        let dots = if ascii { '~' } else { '…' };
        canvas.put(end - 1, 0, dots, theme.dim.over(back));
    }
}

/// The lines that lead to a row from above, and for a row that stands for several how many.
fn branches(app: &App, subject: &Subject<'_>, back: Option<Pen>, canvas: &mut Canvas<'_>) -> u16 {
    let line = subject.line;
    let pen = app.theme.branch.over(back);
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let (through, fork, corner) =
        if ascii { ("| ", "|-", "`-") } else { ("│ ", "├─", "└─") };
    let mut x = 0;
    for depth in 1..line.depth {
        let more = line.branches >> depth & 1 == 1;
        x = canvas.text(x, 0, if more { through } else { "  " }, pen);
    }
    if line.depth > 0 {
        x = canvas.text(x, 0, if line.last { corner } else { fork }, pen);
    }
    if line.folded {
        x = canvas.text(x, 0, "+ ", app.theme.accent.over(back));
    } else if subject.is_several() {
        x = canvas.text(x, 0, "- ", app.theme.accent.over(back));
    } else if line.depth > 0 {
        x = canvas.put(x, 0, ' ', pen);
    }
    if subject.is_several() {
        let sum = if ascii { 'x' } else { 'Σ' };
        x = canvas.text(x, 0, &short!("{sum}{} ", subject.members.len()), app.theme.dim.over(back));
    }
    x
}

/// A number that names something, whether it was read or is worked out.
fn name_of(subject: &Subject<'_>, field: Field) -> Option<i64> {
    match field.slot {
        Slot::Raw(_) => subject.raw(field),
        Slot::Derived(_) => subject.get(field).value.map(|number| number as i64),
    }
}
