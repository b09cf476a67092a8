//! The message line and the key line.

use retop_model::family::source;
use retop_model::human::{Or, Percent, Size};
use retop_model::{FamilyId, Snapshot};

use super::alerts;
use crate::short;
use crate::tui::app::App;
use crate::tui::dialog::Overlay;
use crate::tui::edit::Editor;
use crate::tui::history::{Cost, USUAL_PER};
use crate::tui::input::{Code, Key};
use crate::tui::keys::{Action, Mode};
use crate::tui::mouse::Spot;
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Modifier, Rect, width};

/// What is being typed, else what there is to tell, else how retop itself does. Where the line has
/// no room of its own, it shows only while it must. Gives the column at which what is being typed
/// goes wrong.
pub fn message(app: &App, canvas: &mut Canvas<'_>) -> Option<u16> {
    let theme = &app.theme;
    let all = Rect::new(0, 0, canvas.width(), 1);
    match &app.overlay {
        Overlay::Filter(editor, _) => {
            canvas.fill(all, theme.text);
            let kind = app.table.filter.as_ref().map_or("", |filter| filter.kind());
            let order = &app.table.order;
            let shown = order.all - order.hidden - order.unknown;
            let mut right = short!("[{kind}] {shown} shown, {} hidden", order.hidden);
            if order.unknown > 0 {
                right.push(&short!(", {} unknown", order.unknown));
            }
            if kind.is_empty() {
                right = short!("");
            }
            // Where there is a line below, the error stands there, under its place.
            if let (Some(error), None) = (&app.filter_error, app.areas.keys) {
                right = short!("{error}");
            }
            return input(app, canvas, "Filter", editor, &right);
        }
        Overlay::Ask(editor, question) => {
            canvas.fill(all, theme.text);
            let (name, right) = question.words();
            input(app, canvas, name, editor, right);
        }
        Overlay::Find(editor, _) => {
            canvas.fill(all, theme.text);
            input(app, canvas, "Find", editor, "F3 next  Enter keeps  Esc back");
        }
        _ => {
            if let Some(message) = &app.message {
                canvas.fill(all, theme.text);
                let pen = if message.wrong { theme.crit } else { theme.ok };
                canvas.field(1, 0, canvas.width() - 1, &message.text, pen);
            } else if app.areas.message_apart
                && let Some(now) = app.now.as_deref()
            {
                standing(app, now, canvas);
            }
        }
    }
    None
}

/// What the message line has room for of a text before the cursor: what is far before it scrolls
/// out on the left.
fn in_sight(before: &str, room: u16) -> &str {
    let mut shown = before;
    while width(shown) + 1 >= room && !shown.is_empty() {
        let first = shown.chars().next().map_or(0, char::len_utf8);
        shown = &shown[first..];
    }
    shown
}

fn input(
    app: &App,
    canvas: &mut Canvas<'_>,
    name: &str,
    editor: &Editor,
    right: &str,
) -> Option<u16> {
    let theme = &app.theme;
    let x = canvas.text(1, 0, name, theme.key) + 1;
    let right_room = width(right) + 2;
    let end = canvas.width();
    let shows_right = end > x + right_room + 20;
    if shows_right {
        let pen = if app.filter_error.is_some() { theme.warn } else { theme.dim };
        canvas.right(end - 1, 0, right, pen);
    }
    let room = end.saturating_sub(x + if shows_right { right_room } else { 1 });
    let shown = line(app, editor, &mut canvas.region(Rect::new(x, 0, room, 1)));
    let (before, after) = editor.parts();
    let error = app.filter_error.as_ref()?;
    let hidden = before.get(..before.len() - shown.len())?.chars().count();
    let place = error.column.checked_sub(hidden + 1)?;
    let text = shown.chars().chain(after.chars()).take(place);
    let cells: u16 = text.map(|c| width(c.encode_utf8(&mut [0; 4]))).sum();
    Some((x + cells).min(end - 1))
}

/// What is typed, with its cursor; gives what of the text before the cursor is in sight.
pub fn line<'e>(app: &App, editor: &'e Editor, canvas: &mut Canvas<'_>) -> &'e str {
    let (theme, room) = (&app.theme, canvas.width());
    canvas.fill(Rect::new(0, 0, room, 1), theme.input);
    let (before, after) = editor.parts();
    let shown = in_sight(before, room);
    let at = canvas.text(0, 0, shown, theme.input);
    canvas.text(at, 0, after, theme.input);
    if after.is_empty() {
        canvas.put(at, 0, ' ', theme.input);
    }
    canvas.tint(at, 0, |pen| pen.with(Modifier::REVERSED));
    shown
}

/// What stands: modes that are easily forgotten, what cannot be read, and retop's own cost.
fn standing(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let mut x = 1;
    let has_key = !app.keys.keys(Action::Processes).is_empty();
    let shows_table = if has_key { Action::Processes } else { Action::Tree };
    let modes = [
        (app.paused, "standing still", Action::Pause),
        (app.hides_table(), "no table", shows_table),
        (app.table.hold, "order held", Action::Hold),
        (app.table.follow, "following", Action::Follow),
    ];
    for (_, name, action) in modes.into_iter().filter(|(on, ..)| *on) {
        x = canvas.text(x, 0, name, theme.past);
        if let Some(key) = app.keys.keys(action).first() {
            x = canvas.text(x, 0, &short!(" ({key})"), theme.past);
        }
        x += 2;
    }
    if app.past().per() != USUAL_PER {
        let text = short!("charts: {} samples a cell", app.samples_a_cell(app.past().per()));
        x = canvas.text(x, 0, &text, theme.past);
        if let Some(key) = app.keys.keys(Action::Zoom).first() {
            x = canvas.text(x, 0, &short!(" ({key})"), theme.past);
        }
        x += 2;
    }
    if let Some(first) = app.prefix {
        x = canvas.text(x, 0, &short!("{first}…"), theme.key) + 2;
    }
    if !app.table.tagged.is_empty() {
        let text = short!("{} tagged", app.table.tagged.len());
        x = canvas.text(x, 0, &text, theme.tag) + 2;
    }
    let firing = alerts::Firing::of(now).count > 0 || app.cleared(now).next().is_some();
    if firing {
        alerts::line(app, now, canvas, x, canvas.width().saturating_sub(1));
        return;
    }
    // Live it is a mean: what changes with each sample would cost what it tells of.
    let cost = match app.rewind {
        None => app.history.cost,
        Some(_) => Cost::of(now),
    };
    let known = cost.cpu_ratio.or(cost.resident_bytes).is_some();
    let cost = short!(
        "retop {:>4} cpu  {:>4}",
        Or(cost.cpu_ratio.map(Percent)),
        Or(cost.resident_bytes.map(Size))
    );
    // A made-up machine is watched by nobody.
    let cost = if known { cost } else { short!("") };
    let end = canvas.right(canvas.width().saturating_sub(1), 0, &cost, theme.dim);
    let at = alerts::line(app, now, canvas, x, end);
    x = if at > x { at + 2 } else { x };
    let sick = |row: &retop_model::Row<'_>| {
        matches!(row.raw(source::state), Some(source::DENIED | source::FAILING | source::SLOW))
    };
    let mut troubled = now.rows(FamilyId::Source).filter(sick);
    if let Some(row) = troubled.next() {
        let others = troubled.count();
        let state = row.state(source::state).unwrap_or("");
        let text = short!("{} {state}: {}", row.shown(source::source), row.shown(source::reason));
        let more = if others > 0 { short!("  and {others} more") } else { short!("") };
        let room = end.saturating_sub(x + width(&more) + 2);
        let at = canvas.field(x, 0, room.min(width(&text)), &text, theme.warn);
        canvas.text(at, 0, &more, theme.dim);
    }
}

/// What is wrong with the filter, with a mark under the place.
fn caret(app: &App, at: u16, canvas: &mut Canvas<'_>) {
    let Some(error) = &app.filter_error else { return };
    let (pen, room) = (app.theme.warn, canvas.width());
    canvas.put(at, 0, '^', pen);
    let text = &error.message;
    // On the right of the mark, or where that has no room on its left.
    if at + 2 + width(text) <= room || at < room / 2 {
        canvas.field(at + 2, 0, room.saturating_sub(at + 2), text, pen);
    } else {
        canvas.right(at.saturating_sub(1), 0, text, pen);
    }
}

/// The keys that do the most, from the table of actions; `wrong`: what is being typed is wrong at
/// that column, which is said instead.
pub fn keys(app: &App, wrong: Option<u16>, canvas: &mut Canvas<'_>) {
    if let Some(at) = wrong {
        return caret(app, at, canvas);
    }
    let theme = &app.theme;
    let end = canvas.width();
    let mut x = 1;
    let mode = app.mode();
    let wide = end >= 100;
    if mode == Mode::Live && app.pages.page.is_sheet() {
        x = tabs(app, canvas, x) + 1;
    }
    // Looking back has keys enough of its own.
    let base = mode.base().filter(|_| mode != Mode::Rewind);
    let more = app.keys.mode(base.unwrap_or(mode)).filter(move |_| base.is_some());
    let buttons = app.keys.mode(mode).chain(more).filter_map(|(binding, keys)| {
        let action = binding.action;
        // What the mode has keys of its own for is not done there.
        let does = |key: &&Key| app.keys.action(mode, **key) == Some(action);
        let (key, name) = (keys.iter().find(does)?, binding.short?);
        if mode == Mode::Live && !app.takes(action) {
            return None;
        }
        // Of what works on the table too, that which is done to the process.
        let of_table = mode == Mode::Pane && binding.mode == Mode::Live;
        if of_table && !binding.id.starts_with("process.") && action != Action::Quit {
            return None;
        }
        let name = match app.pages.page {
            Page::Groups if action == Action::Details => "Open",
            Page::Events if action == Action::Details => "Go",
            _ if mode == Mode::Pane && action == Action::Details => "Close",
            _ => name,
        };
        // F1Help reads well, pPause does not.
        let gap = u16::from(wide || !matches!(key.code, Code::F(_)));
        let key = short!("{key}");
        let room = width(&key) + gap + width(name);
        Some((action, key, gap, name, room))
    });
    let between = 1 + u16::from(wide);
    let first = |action: Action| FIRST.contains(&action);
    let firsts = buttons.clone().filter(|button| first(button.0));
    let mut kept: u16 = firsts.map(|button| button.4 + between).sum();
    for (action, key, gap, name, room) in buttons {
        if first(action) {
            kept -= room + between;
        }
        // One direction without the other would be half a pair.
        let other = if action == Action::NiceLower { room + between } else { 0 };
        if x + room + if first(action) { 0 } else { between + kept + other } > end {
            continue;
        }
        canvas.spot(Rect::new(x, 0, room, 1), Spot::Do(action));
        x = canvas.text(x, 0, &key, theme.key) + gap;
        x = canvas.text(x, 0, name, theme.key_text) + between;
    }
}

/// What a newcomer looks for: on a narrow screen the others make room for these.
const FIRST: [Action; 11] = [
    Action::Leave,
    Action::Help,
    Action::Setup,
    Action::Find,
    Action::Filter,
    Action::Tree,
    Action::SortMenu,
    Action::Signal,
    Action::Quit,
    Action::Rewind,
    Action::Palette,
];

/// The pages with their keys, the one on the screen marked.
fn tabs(app: &App, canvas: &mut Canvas<'_>, x: u16) -> u16 {
    let theme = &app.theme;
    let mut x = x;
    let here = app.pages.page;
    let devices = app.now.as_deref().is_some_and(super::gpu::is_there);
    // A page on which nothing can be needs no tab.
    let shown = move |page: &Page| *page != Page::Gpu || devices || here == Page::Gpu;
    let pages = || Page::ALL.into_iter().filter(shown);
    let all: u16 = pages().map(|page| width(page.name()) + 3).sum();
    let brief = x + all > canvas.width() + 1;
    if app.keys.digit(here).is_none()
        && let Some(key) = app.keys.keys(here.action()).iter().find(|key| key.alt)
    {
        // Said once for all of them.
        x = canvas.text(x, 0, short!("{key}").trim_end_matches(here.key()), theme.dim);
    }
    for page in pages() {
        let name = if brief { page.brief() } else { page.name() };
        if x + 2 + width(name) > canvas.width() {
            break;
        }
        let here = page == here;
        canvas.spot(Rect::new(x, 0, 2 + width(name), 1), Spot::Page(page));
        x = canvas.put(x, 0, page.key(), theme.key);
        x = canvas.put(x, 0, ' ', theme.key_text);
        x = canvas.text(x, 0, name, if here { theme.title } else { theme.key_text }) + 1;
    }
    x
}
