//! Rows of processes that have just ended.

mod look;

use std::sync::Arc;

use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key as Press};
use retop::tui::render::Glyphs;
use retop::tui::{Control, Options};
use retop_model::family::process;
use retop_model::{Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

struct Deaf;

impl Control for Deaf {
    fn send(&self, _: Key, _: i32) -> Result<(), String> {
        panic!("nobody is there to be signalled")
    }
}

/// Moments with those processes, a second apart, the busiest first.
fn moments(alive: &[&[u64]]) -> Vec<Arc<Snapshot>> {
    let mut last: Option<Arc<Snapshot>> = None;
    let moment = |(tick, pids): (usize, &&[u64])| {
        let mut table = RawTable::new(retop_model::FamilyId::Process);
        for &pid in *pids {
            table
                .push(Key(pid, 1))
                .set(process::pid, pid)
                .set(process::state, 1_i64)
                .set(process::user_seconds, (100 - pid as i64) * 5_000 * tick as i64)
                .set(process::system_seconds, 0_i64)
                .text(process::name, format!("p{pid}"));
        }
        let ns = (tick as u64 + 1) * 1_000_000_000;
        table.finish(Window { begin_ns: ns, end_ns: ns });
        let stamp = Stamp { wall_ms: ns as i64 / 1_000_000, monotonic_ns: ns, boottime_ns: ns };
        let mut sample = RawSample::new(stamp);
        sample.put(Arc::new(table));
        let now = Arc::new(derive(last.as_deref(), Arc::new(sample)));
        last = Some(Arc::clone(&now));
        now
    };
    alive.iter().enumerate().map(moment).collect()
}

/// Mark and name of each row, from the top.
fn rows(app: &mut App) -> Vec<String> {
    let screen = look::shown(app, 90, 20);
    let rows = screen.lines().map(|line| line.trim_end_matches(['┃', ' ']));
    let rows = rows.filter(|line| line.ends_with(|c: char| c.is_ascii_digit()));
    let rows = rows.filter_map(|line| {
        let name = line.split_whitespace().last().filter(|word| word.starts_with('p'))?;
        Some(format!("{}{name}", line.chars().next()?))
    });
    rows.collect()
}

const ALIVE: [&[u64]; 6] =
    [&[1, 2, 3, 4], &[1, 2, 3, 4], &[1, 3, 4], &[1, 3, 4], &[1, 3, 4, 5], &[1, 3, 4, 5]];

#[test]
fn who_has_ended_stays_where_they_were_for_two_samples() {
    for (glyphs, gone) in [(Glyphs::Braille, "†p2"), (Glyphs::Ascii, "xp2")] {
        let mut app = App::new(&Options { glyphs, ..Options::default() });
        let mut seen = Vec::new();
        for moment in moments(&ALIVE) {
            app.update(&moment);
            seen.push(rows(&mut app));
        }
        assert_eq!(seen[1], [">p1", " p2", " p3", " p4"]);
        assert_eq!(seen[2], [">p1", gone, " p3", " p4"]);
        assert_eq!(seen[3], [">p1", gone, " p3", " p4"]);
        assert_eq!(seen[4], [">p1", " p3", " p4", "+p5"]);
    }
}

/// However many end, most rows are of those who live, and so is the first.
#[test]
fn who_has_ended_leaves_most_rows_to_the_living() {
    let mut app = App::new(&Options::default());
    let before: Vec<u64> = (1..=60).collect();
    let after: Vec<u64> = (40..=60).collect();
    let mut seen = Vec::new();
    for moment in moments(&[&before, &before, &after]) {
        app.update(&moment);
        seen = rows(&mut app);
    }
    let gone: Vec<&str> =
        seen.iter().filter(|row| row.starts_with('†')).map(String::as_str).collect();
    let most = app.table.page / 5;
    assert_eq!((gone.len(), seen[0].as_str()), (most, ">p40"), "{seen:?}");
    assert!(most >= 2, "{most}");
}

/// What is shown of it is who it was; no number is an old one, and nothing can be done to it.
#[test]
fn who_has_ended_does_nothing_and_nothing_is_done_to_it() {
    let mut app = App::new(&Options::default());
    for moment in &moments(&ALIVE)[..3] {
        app.update(moment);
        app.arrange(90, 20);
    }
    app.event(Event::Key(Press::of(Code::Down)), &Deaf);
    let screen = look::shown(&mut app, 90, 20);
    let row = screen.lines().find(|line| line.ends_with("p2")).expect("its row");
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert!(
        cells.contains(&"2") && cells.iter().filter(|&&cell| cell == "–").count() >= 5,
        "{row}"
    );
    assert_eq!(app.table.selected(), None);
    for key in ['k', '\r', ' ', 'e'] {
        app.event(Event::Key(Press::char(key)), &Deaf);
        app.event(Event::Key(Press::of(Code::Enter)), &Deaf);
        app.event(Event::Key(Press::of(Code::Esc)), &Deaf);
    }
    // The tree and the past have no such rows.
    app.event(Event::Key(Press::char('t')), &Deaf);
    assert!(!look::shown(&mut app, 90, 20).contains('†'));
    app.event(Event::Key(Press::char('t')), &Deaf);
    app.event(Event::Key(Press::char('p')), &Deaf);
    assert!(!look::shown(&mut app, 90, 20).contains('†'));
}

/// Who has ended is asked of the filter that is in force now, as those who live are.
#[test]
fn who_has_ended_is_filtered_like_the_living() {
    for (filter, wanted) in [("p3", &[">p3"][..]), ("pid<4", &[">p1", "†p2", " p3"])] {
        let mut app = App::new(&Options::default());
        for moment in &moments(&ALIVE)[..3] {
            app.update(moment);
            app.arrange(90, 20);
        }
        assert!(look::shown(&mut app, 90, 20).contains('†'));
        for c in format!("/{filter}\r").chars() {
            let key = if c == '\r' { Press::of(Code::Enter) } else { Press::char(c) };
            app.event(Event::Key(key), &Deaf);
        }
        assert_eq!(rows(&mut app), wanted, "{filter}");
    }
}
