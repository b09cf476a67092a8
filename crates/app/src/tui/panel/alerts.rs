//! Alerts in a line: what fires, the worst first, and what has ended just now.

use retop_model::alert::about;
use retop_model::family::alert;
use retop_model::{FamilyId, Row, Snapshot};

use crate::short;
use crate::tui::app::App;
use crate::tui::events::Mark;
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Pen, Rect, width};
use crate::tui::units::{Text, time_of_day};

/// More than this fit on no line.
const MOST: usize = 32;

/// What fires at a moment, the worst first, then the oldest.
pub struct Firing {
    rows: [u16; MOST],
    shown: usize,
    /// How many there are.
    pub count: usize,
}

impl Firing {
    /// Of that moment.
    #[must_use]
    pub fn of(now: &Snapshot) -> Firing {
        let mut firing = Firing { rows: [0; MOST], shown: 0, count: 0 };
        let rank = |place: u16| {
            let row = now.row(FamilyId::Alert, usize::from(place));
            row.map(|row| (std::cmp::Reverse(mark(row)), row.raw(alert::since_time_seconds)))
        };
        for (place, _) in (0_u16..).zip(now.rows(FamilyId::Alert)) {
            firing.count += 1;
            let at =
                firing.rows[..firing.shown].partition_point(|&other| rank(other) <= rank(place));
            if at < MOST {
                firing.shown = (firing.shown + 1).min(MOST);
                firing.rows[at..firing.shown].rotate_right(1);
                firing.rows[at] = place;
            }
        }
        firing
    }

    fn iter<'a>(&'a self, now: &'a Snapshot) -> impl Iterator<Item = Row<'a>> + Clone {
        let rows = self.rows[..self.shown].iter();
        rows.filter_map(move |&place| now.row(FamilyId::Alert, usize::from(place)))
    }
}

fn mark(row: Row<'_>) -> Mark {
    match row.shown(alert::severity) {
        "critical" => Mark::Critical,
        _ => Mark::Warning,
    }
}

/// True if the alert that has ended fires again, or stands in the list once more.
fn is_back(now: &Snapshot, name: &str, subject: &str) -> bool {
    now.rows(FamilyId::Alert).any(|row| row.shown(alert::alert) == name && about(row) == subject)
}

/// Draws from `x` to `end`; gives where it ended. Nothing where nothing is watched for.
pub fn line(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>, x: u16, end: u16) -> u16 {
    if now.window(FamilyId::Alert).is_none() {
        return x;
    }
    let theme = &app.theme;
    let firing = Firing::of(now);
    let cleared =
        || app.cleared(now).filter(|told| !is_back(now, &told.name, &told.subject)).take(MOST);
    if firing.count == 0 && cleared().next().is_none() {
        return canvas.text(x, 0, "alerts: none", theme.dim);
    }
    let key = match (firing.count, cleared().count()) {
        (active, 0) => short!("A: {active} active"),
        (0, cleared) => short!("A: {cleared} cleared"),
        (active, cleared) => short!("A: {active} active, {cleared} cleared"),
    };
    let start = canvas.right(end, 0, &key, theme.dim);
    canvas.spot(Rect::new(start, 0, width(&key), 1), Spot::Do(Action::PageEvents));
    let end = start.saturating_sub(2);
    let glyphs = canvas.glyphs();
    let mut x = x;
    // What is still to come keeps room for its name.
    let brief = |name: &str| width(name) + 4;
    let mut rest: u16 = firing.iter(now).map(|row| brief(row.shown(alert::alert))).sum();
    rest += cleared().map(|told| brief(&told.name)).sum::<u16>();
    // The time since when goes before any message does.
    const SINCE: u16 = 16;
    let whole = |row: Row<'_>| brief(row.shown(alert::alert)) + width(row.shown(alert::message));
    let all: u16 = firing.iter(now).map(|row| whole(row) + SINCE).fold(0, u16::saturating_add);
    let dated = firing.count == 1 || x.saturating_add(all) <= end;
    for (place, row) in firing.iter(now).enumerate() {
        let name = row.shown(alert::alert);
        rest -= brief(name);
        let (c, pen) = mark(row).draw(theme, glyphs);
        let since = row.raw(alert::since_time_seconds).filter(|_| dated);
        let since = since.map_or_else(Text::new, |wall_ms| {
            let offset = (app.offset_seconds)(wall_ms.div_euclid(1000));
            short!(", since {}", &*time_of_day(wall_ms, offset))
        });
        let message = row.shown(alert::message);
        let room = end.saturating_sub(x + width(name) + 3);
        if room == 0 && place > 0 {
            break;
        }
        x = canvas.put(x, 0, c, pen);
        x = canvas.text(x + 1, 0, name, pen);
        let spare = room.saturating_sub(rest);
        let whole = width(message) + width(&since);
        if whole <= spare {
            x = canvas.text(x + 1, 0, message, theme.text);
            x = canvas.text(x, 0, &since, theme.dim);
        } else if place == 0 || width(message) <= spare {
            let cells = spare.min(width(message));
            x = canvas.field(x + 1, 0, cells.max(room.min(12)), message, theme.text);
        } else {
            // Two disks are told apart, if no more than that.
            let subject = about(row);
            if !subject.is_empty() && width(subject) < spare {
                x = canvas.text(x + 1, 0, subject, theme.dim);
            }
        }
        x += 2;
    }
    for told in cleared() {
        if x + 2 + width(&told.name) > end {
            break;
        }
        let (c, pen) = Mark::Ended.draw(theme, glyphs);
        x = canvas.put(x, 0, c, pen);
        x = canvas.text(x + 1, 0, &told.name, pen);
        let more = width(&told.subject) + 8 + 1 + u16::from(!told.subject.is_empty());
        if x + more <= end {
            x = canvas.text(x + 1, 0, &told.subject, theme.dim);
            x = canvas.text(x + u16::from(!told.subject.is_empty()), 0, "cleared", theme.dim);
        }
        x += 2;
    }
    end
}

/// The worst of what fires, for a header that has to say it all: `! MEM +2`.
#[must_use]
pub fn brief(app: &App, now: &Snapshot) -> Option<(Text, Pen)> {
    let firing = Firing::of(now);
    let worst = firing.iter(now).next()?;
    let (c, pen) = mark(worst).draw(&app.theme, app.glyphs);
    let name = worst.shown(alert::alert);
    let text = match firing.count {
        1 => short!("{c} {name}"),
        count => short!("{c} {name} +{}", count - 1),
    };
    Some((text, pen))
}
