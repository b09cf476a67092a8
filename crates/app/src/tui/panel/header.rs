//! The header: whose machine, when, and how busy.

use retop_model::family::{host, limit, task};
use retop_model::human::{Count, Or, Size};

use super::{alerts, facts};
use crate::short;
use crate::tui::app::App;
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Glyphs, Modifier, Pen, Rect, width};
use crate::tui::units::{Text, ago, date, interval, time_of_day, uptime};

/// One fact of the header; the smallest number leaves first.
struct Item {
    text: Text,
    pen: Pen,
    leaves: u8,
}

/// The last item to leave: whether the screen shows what is now.
const STATE: u8 = 9;

/// Draws the header into one line.
pub fn draw(app: &App, canvas: &mut Canvas<'_>) {
    if app.now.is_some() && (app.rewind.is_some() || app.paused) {
        return past(app, canvas);
    }
    let theme = &app.theme;
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let mut x = canvas.text(1, 0, "retop", theme.accent.bold());
    let now = app.now.as_deref();
    let name = now.and_then(|now| now.one_text(host::name)).map_or("", |name| name.shown());
    x = canvas.text(x + 1, 0, name, theme.title) + 2;

    let (mark, word, pen) = match now {
        None => (' ', "", theme.dim),
        Some(_) => (if ascii { '*' } else { '●' }, "LIVE", theme.live),
    };
    let mut items: [Option<Item>; 8] = [const { None }; 8];
    let plain = |text: Text, leaves| Some(Item { text, pen: theme.text, leaves });
    items[6] = app.recording.as_ref().map(|recording| match recording.paused {
        None => Item {
            text: short!("REC {}", Size(recording.bytes as f64)),
            pen: theme.crit,
            leaves: 8,
        },
        Some(_) => Item { text: short!("REC paused"), pen: theme.warn, leaves: 8 },
    });
    items[7] = Some(Item { text: short!("{mark} {word}"), pen, leaves: STATE });
    if let Some(now) = now {
        let stamp = now.stamp();
        let offset = (app.offset_seconds)(stamp.wall_ms.div_euclid(1000));
        items[0] = plain(time_of_day(stamp.wall_ms, offset), 8);
        let up = now.one(host::uptime_seconds).unwrap_or(stamp.boottime_ns as f64 / 1e9);
        items[1] = plain(short!("up {}", &*uptime(up)), 3);
        items[2] = facts::load(now).and_then(|load| plain(short!("load {}", &*load), 5));
        let processes = now.rows(retop_model::FamilyId::Process).len();
        let threads = now.one(task::threads);
        let kernel = now.one(task::kernel_threads).unwrap_or(0.0);
        items[3] = match threads {
            Some(threads) => plain(short!("{processes:>3}p {:>4.0}t", threads + kernel), 4),
            None => plain(short!("{processes}p"), 4),
        };
        items[4] = plain(interval(app.interval), 2);
        // On a small screen the line of alerts has no room of its own.
        let worst = alerts::brief(app, now).filter(|_| !app.areas.message_apart);
        items[5] = worst.map(|(text, pen)| Item { text, pen, leaves: 9 });
    }
    let total = |items: &[Option<Item>]| -> u16 {
        items.iter().flatten().map(|item| width(&item.text) + 2).sum()
    };
    while x + total(&items) > canvas.width() {
        let next = (0..items.len())
            .filter(|&place| items[place].is_some())
            .min_by_key(|&place| items[place].as_ref().map_or(0, |item| item.leaves));
        match next {
            Some(place) => items[place] = None,
            None => break,
        }
    }
    let start = canvas.width().saturating_sub(total(&items));
    if let Some(now) = now {
        machine(app, now, x, start, canvas);
    }
    let mut at = start;
    for item in items.iter().flatten() {
        if item.leaves == STATE {
            canvas.spot(Rect::new(at, 0, width(&item.text), 1), Spot::Do(Action::Pause));
        }
        at = canvas.text(at, 0, &item.text, item.pen) + 2;
    }
}

/// The header of the past: another colour and other words, so that it is never taken for now.
fn past(app: &App, canvas: &mut Canvas<'_>) {
    let pen = app.theme.past.with(Modifier::REVERSED);
    let (Some(now), Some(newest)) = (app.now.as_deref(), app.newest.as_deref()) else { return };
    let (shown_ms, newest_ms) = (now.stamp().wall_ms, newest.stamp().wall_ms);
    let behind_ms = newest.stamp().since_ms(now.stamp());
    let time = |wall_ms: i64| {
        let offset = (app.offset_seconds)(wall_ms.div_euclid(1000));
        (date(wall_ms, offset), time_of_day(wall_ms, offset))
    };
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let (back, minus) = if ascii { ("<<", "-") } else { ("◀◀", "−") };
    let distance = ago(behind_ms);
    let (name, state, behind) = match app.rewind.as_deref() {
        Some(rewind) => {
            let mark = if ascii { '>' } else { '▶' };
            let state = match (rewind.playing, rewind.pace()) {
                (true, 1.0) => short!("{mark} PLAYING"),
                (true, pace) => short!("{mark} PLAYING {pace}x"),
                (false, _) => short!("{} PAUSED", if ascii { '"' } else { '‖' }),
            };
            let behind = short!("(live is {}, +{} samples)", &*time(newest_ms).1, rewind.behind);
            (short!("{back} REWIND {minus}{}", &*distance), state, behind)
        }
        None => {
            let mark = if ascii { '"' } else { '‖' };
            let behind = short!("(live is {}; p goes on)", &*time(newest_ms).1);
            (short!("{mark} PAUSED {minus}{}", &*distance), Text::new(), behind)
        }
    };
    let (name, behind) = match &app.replay {
        Some(replay) => {
            let play = if ascii { '>' } else { '▶' };
            let left = app.rewind.as_deref().map_or(0, |rewind| rewind.behind);
            let behind = short!("(ends {}, +{left} samples)", &*time(newest_ms).1);
            (short!("{play} REPLAY {}", replay.name), behind)
        }
        None => (name, behind),
    };
    let (day, clock) = time(shown_ms);
    let worst = alerts::brief(app, now).filter(|_| !app.areas.message_apart);
    let worst = worst.map_or_else(Text::new, |(text, _)| text);
    let host = now.one_text(host::name).map_or("", |name| name.shown());
    let silent = match app.silent_seconds {
        None if app.removed => short!("recording was removed"),
        None => Text::new(),
        Some(seconds @ ..100) => short!("source not answering ({seconds} s)"),
        Some(seconds) => short!("source not answering ({})", &*ago(seconds as i64 * 1_000)),
    };
    let parts = [
        (short!("retop {host}"), 3),
        (name, 9),
        (short!("{}", &*day), 2),
        (short!("{}", &*clock), 8),
        (silent, 10),
        (behind, 1),
        (state, 4),
        (worst, 7),
    ];
    let room = canvas.width();
    canvas.fill(Rect::new(0, 0, room, 1), pen);
    canvas.spot(Rect::new(0, 0, room, 1), Spot::Do(Action::Leave));
    // The least of them leaves first.
    let least = (0..11).find(|&least| {
        let stays = parts.iter().filter(|(text, rank)| *rank > least && !text.is_empty());
        stays.map(|(text, _)| width(text) + 2).sum::<u16>() <= room
    });
    let mut x = 1;
    for (text, rank) in &parts {
        if *rank > least.unwrap_or(8) && !text.is_empty() {
            x = canvas.text(x, 0, text, pen) + 2;
        }
    }
}

/// What kind of machine it is, where there is room before `end`.
fn machine(app: &App, now: &retop_model::Snapshot, x: u16, end: u16, canvas: &mut Canvas<'_>) {
    let text = |field| now.one_text(field).map_or("", |text| text.shown());
    let mut facts: [Text; 4] = [Text::new(); 4];
    let cores = now.rows(retop_model::FamilyId::Core).len();
    facts[0].push(short_model(text(host::cpu_model)));
    if cores > 0 {
        facts[1] = short!("{cores}t");
    }
    if let Some(kernel) = now.one_text(host::kernel) {
        let release = kernel.shown().split('-').next().unwrap_or("");
        // Other kernels than Linux name themselves.
        let system = if release.contains(' ') { "" } else { "Linux " };
        facts[2] = short!("{system}{release}");
    }
    if let (None, Some(cpus)) = (now.one(limit::memory_limit_bytes), now.one(limit::cpus)) {
        facts[3] = short!("limit {} cpus", Count(cpus));
    } else if let Some(bytes) = now.one(limit::memory_limit_bytes) {
        let cpus = Or(now.one(limit::cpus).map(Count));
        facts[3] = short!("limit {cpus} cpus {}", retop_model::human::Size(bytes));
    }
    let mut at = x;
    for fact in facts.iter().filter(|fact| !fact.is_empty()) {
        if at + width(fact) + 4 > end {
            break;
        }
        if at > x {
            at = canvas.text(at, 0, " · ", app.theme.border);
        }
        at = canvas.text(at, 0, fact, app.theme.dim);
    }
}

/// The part of a model's name that tells machines apart.
fn short_model(model: &str) -> &str {
    let model = model.split(" @").next().unwrap_or("");
    let model = model.split(" with ").next().unwrap_or("");
    let start = ["Ryzen", "EPYC", "Xeon", "Core", "Apple", "Threadripper", "Cortex", "Neoverse"]
        .iter()
        .filter_map(|word| model.find(word))
        .min();
    let model = start.map_or(model, |start| &model[start..]);
    let end = model.find("-Core").and_then(|end| model[..end].rfind(' '));
    end.map_or(model, |end| &model[..end]).trim()
}

#[cfg(test)]
mod tests {
    use super::short_model;

    #[test]
    fn models_are_short() {
        for (model, short) in [
            ("AMD Ryzen 7 5800X 8-Core Processor", "Ryzen 7 5800X"),
            ("Intel(R) Xeon(R) Platinum 8488C", "Xeon(R) Platinum 8488C"),
            ("Apple M4 Max", "Apple M4 Max"),
            ("", ""),
        ] {
            assert_eq!(short_model(model), short);
        }
    }
}
