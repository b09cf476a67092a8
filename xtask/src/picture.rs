//! The pictures in the README: the screen itself on a made-up machine, as SVGs that are the same
//! each time. Text is text; what fonts draw each in its own way, frames, bars and dots, is drawn.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use retop::tui::app::App;
use retop::tui::input::{Event, Key as Press};
use retop::tui::render::colour::shown;
use retop::tui::render::{Cell, Depth, Glyphs, Modifier, Screen};
use retop::tui::{Control, Options, panel};
use retop_engine::history::History;
use retop_engine::{Roots, Ticker, open};
use retop_fake_machine::HandClock;
use retop_model::{FamilyId, Key, RawSample, derive};

/// The machine of the picture.
const MACHINE: &str = "sim:web-incident";
/// The pictures, in the order of their moments.
pub const STILLS: [Still; 2] = [
    Still {
        file: "docs/screen.svg",
        title: "retop on a made-up web server",
        seconds: 878,
        keys: "M",
    },
    Still {
        file: "docs/rewind.svg",
        title: "retop looks back at a spike of two minutes ago",
        seconds: 1093,
        keys: "Pr[",
    },
];

/// A picture.
pub struct Still {
    /// Where it is kept.
    pub file: &'static str,
    title: &'static str,
    /// Seconds since the machine was made up.
    seconds: u64,
    /// What is pressed then.
    keys: &'static str,
}

const SIZE: (u16, u16) = (120, 40);
/// A cell in pixels.
const CELL: (f32, f32) = (8.0, 17.0);
const BACKGROUND: &str = "#101216";
const TEXT: &str = "#d0d0d0";
const FONTS: &str = "ui-monospace,'SF Mono','Cascadia Mono','JetBrains Mono',Menlo,Consolas,\
                     'DejaVu Sans Mono',monospace";

/// Signals nobody.
struct Nobody;

impl Control for Nobody {
    fn send(&self, _: Key, _: i32) -> Result<(), String> {
        Err("it is made up".to_owned())
    }
}

/// Draws each, with the file that it belongs into.
pub fn draw() -> Result<Vec<(&'static str, String)>> {
    let clock = Arc::new(HandClock::new(0, 1_795_183_200_000));
    let mut ticker =
        Ticker::lockstep(open(Some(MACHINE), Roots::below(&crate::root()))?, clock.clone());
    ticker.set_rules(retop_model::alert::builtin());
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    let history = Arc::new(Mutex::new(History::new(64 << 20)?));
    app.record = Some(history.clone());
    let (mut last, mut second) = (None, 0);
    let mut pictures = Vec::new();
    for still in &STILLS {
        while second < still.seconds {
            second += 1;
            clock.set(second);
            let taken = ticker.tick();
            // What retop costs is another number each time.
            let mut sample = RawSample::clone(taken.raw());
            sample.take(FamilyId::Own);
            let now = Arc::new(derive(last.as_deref(), Arc::new(sample)));
            app.update(&now);
            let mut kept = history.lock().map_err(|_| anyhow::anyhow!("the history is lost"))?;
            kept.push(&now)?;
            last = Some(now);
        }
        let mut screen = Screen::new(SIZE.0, SIZE.1, false);
        app.arrange(SIZE.0, SIZE.1);
        for key in still.keys.chars() {
            app.event(Event::Key(Press::char(key)), &Nobody);
            app.arrange(SIZE.0, SIZE.1);
        }
        screen.draw(&mut Vec::new(), Glyphs::Braille, |canvas| panel::draw(&app, canvas))?;
        pictures.push((still.file, svg(&screen, still.title).context("a picture is text")?));
    }
    Ok(pictures)
}

/// Shapes of one colour.
#[derive(Default)]
struct Ink {
    filled: String,
    drawn: String,
    /// Shades: drawn half through.
    faint: String,
}

fn svg(screen: &Screen, title: &str) -> Result<String, std::fmt::Error> {
    let (columns, rows) = SIZE;
    let (wide, high) = (f32::from(columns) * CELL.0, f32::from(rows) * CELL.1);
    let mut inks: BTreeMap<String, Ink> = BTreeMap::new();
    let (mut behind, mut texts) = (String::new(), String::new());
    for y in 0..rows {
        let cells: Vec<_> =
            screen.shown().row(y).iter().map(|cell| (*cell, Look::of(cell))).collect();
        for (start, end) in runs(&cells, |a, b| a.1.back == b.1.back) {
            if let Some(back) = &cells[start].1.back {
                let (x, w) = (start as f32 * CELL.0, (end - start) as f32 * CELL.0);
                let top = f32::from(y) * CELL.1;
                writeln!(
                    behind,
                    "<rect x=\"{x}\" y=\"{top}\" width=\"{w}\" height=\"{}\" fill=\"{back}\"/>",
                    CELL.1
                )?;
            }
        }
        for (x, (cell, look)) in (0_u16..).zip(&cells) {
            let corner = (f32::from(x) * CELL.0, f32::from(y) * CELL.1);
            let c = cell.symbol();
            if is_shape(c) {
                shape(c, corner, inks.entry(look.fore.clone()).or_default())?;
            }
        }
        // Word by word: what a viewer makes of blanks, or of another font, moves nothing.
        let is_text = |cell: &(Cell, Look)| !cell.0.is_blank() && !is_shape(cell.0.symbol());
        let same = |a: &(Cell, Look), b: &(Cell, Look)| is_text(a) && is_text(b) && a.1 == b.1;
        for (start, end) in runs(&cells, same) {
            let written = cells[start..end].iter().filter(|(cell, _)| cell.width() > 0);
            let text: String = written.map(|(cell, _)| cell.symbol()).collect();
            if !is_text(&cells[start]) {
                continue;
            }
            let (x, below) = (start as f32 * CELL.0, f32::from(y) * CELL.1 + 13.0);
            let length = text.chars().count() as f32 * CELL.0;
            let bold = if cells[start].1.bold { " class=\"b\"" } else { "" };
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            writeln!(
                texts,
                "<text x=\"{x}\" y=\"{below}\" textLength=\"{length}\"{bold} fill=\"{}\">{text}</text>",
                cells[start].1.fore
            )?;
        }
    }
    let mut out = String::new();
    write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-10 -10 {} {}\" font-family=\"{FONTS}\" \
         font-size=\"13.3\">\n<title>{title}</title>\n\
         <style>.b{{font-weight:bold}}</style>\n\
         <rect x=\"-10\" y=\"-10\" width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n{behind}",
        wide + 20.0,
        high + 20.0,
    )?;
    for (colour, ink) in &inks {
        for (path, look) in [
            (&ink.filled, format!("fill=\"{colour}\"")),
            (&ink.faint, format!("fill=\"{colour}\" fill-opacity=\".5\"")),
            (&ink.drawn, format!("fill=\"none\" stroke=\"{colour}\"")),
        ] {
            if !path.is_empty() {
                writeln!(out, "<path {look} d=\"{path}\"/>")?;
            }
        }
    }
    out += &texts;
    out += "</svg>\n";
    Ok(out)
}

/// How a cell looks, in the picture's colours.
#[derive(Clone, PartialEq)]
struct Look {
    fore: String,
    back: Option<String>,
    bold: bool,
}

impl Look {
    fn of(cell: &Cell) -> Look {
        let name = |colour| shown(colour).map(|[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}"));
        let pen = cell.pen();
        let (fore, back) = (name(pen.fg), name(pen.bg));
        let fore = fore.unwrap_or_else(|| TEXT.to_owned());
        let bold = pen.modifier.contains(Modifier::BOLD);
        if pen.modifier.contains(Modifier::REVERSED) {
            let inside = back.unwrap_or_else(|| BACKGROUND.to_owned());
            return Look { fore: inside, back: Some(fore), bold };
        }
        Look { fore, back, bold }
    }
}

/// Stretches of which each two neighbours belong together.
fn runs<T>(cells: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut start = 0;
    for at in 1..=cells.len() {
        if at == cells.len() || !same(&cells[start], &cells[at]) {
            runs.push((start, at));
            start = at;
        }
    }
    runs
}

/// True for what is drawn: dots, bars and the lines of frames.
fn is_shape(c: char) -> bool {
    matches!(c, '\u{2800}'..='\u{28ff}' | '▀'..='▕' | '─' | '│' | '╭' | '╮' | '╰' | '╯' | '┃')
}

fn shape(c: char, (x, y): (f32, f32), ink: &mut Ink) -> std::fmt::Result {
    let (w, h) = CELL;
    let bar = |path: &mut String, x: f32, y: f32, w: f32, h: f32| {
        write!(path, "M{} {}h{}v{}h-{}z", short(x), short(y), short(w), short(h), short(w))
    };
    let (middle, centre) = (x + w / 2.0, y + h / 2.0);
    match c {
        '\u{2800}'..='\u{28ff}' => {
            let bits = c as u32 - 0x2800;
            // The order in which braille counts its dots: down the left, down the right, the feet.
            const DOTS: [(u8, u8); 8] =
                [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
            for (bit, (right, down)) in DOTS.iter().enumerate() {
                if bits >> bit & 1 == 1 {
                    let at = (x + 0.9 + f32::from(*right) * 4.0, y + 1.0 + f32::from(*down) * 4.25);
                    bar(&mut ink.filled, at.0, at.1, 2.2, 2.4)?;
                }
            }
            Ok(())
        }
        '▁'..='█' => {
            let eighths = (c as u32 - 0x2580) as f32;
            let part = h * eighths / 8.0;
            bar(&mut ink.filled, x, y + h - part, w, part)
        }
        '▉'..='▏' => {
            let eighths = (0x2590 - c as u32) as f32;
            bar(&mut ink.filled, x, y, w * eighths / 8.0, h)
        }
        '▀' => bar(&mut ink.filled, x, y, w, h / 2.0),
        '▐' => bar(&mut ink.filled, x + w / 2.0, y, w / 2.0, h),
        '▒' | '▓' | '░' => bar(&mut ink.faint, x, y, w, h),
        '▔' => bar(&mut ink.filled, x, y, w, h / 8.0),
        '▕' => bar(&mut ink.filled, x + w * 7.0 / 8.0, y, w / 8.0, h),
        '─' => write!(ink.drawn, "M{} {}h{w}", short(x), short(centre)),
        '│' => write!(ink.drawn, "M{} {}v{h}", short(middle), short(y)),
        '┃' => bar(&mut ink.filled, middle - 1.0, y, 2.0, h),
        _ => {
            let (side, end) = match c {
                '╭' => (x + w, y + h),
                '╮' => (x, y + h),
                '╰' => (x + w, y),
                _ => (x, y),
            };
            let [side, end, middle, centre] = [side, end, middle, centre].map(short);
            write!(ink.drawn, "M{middle} {end}Q{middle} {centre} {side} {centre}")
        }
    }
}

/// A number with one decimal at most.
fn short(number: f32) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_are_the_same_each_time_and_small() {
        let pictures = draw().expect("drawn");
        assert_eq!(pictures, draw().expect("drawn again"));
        let wanted: [&[&str]; 2] = [&["web-01", "gunicorn", "LIVE"], &["REWIND", "report.py"]];
        for ((file, picture), wanted) in pictures.iter().zip(wanted) {
            assert!(picture.len() < 200_000, "{file}: {} bytes", picture.len());
            for text in wanted {
                assert!(picture.contains(text), "{file}: {text}");
            }
        }
    }

    #[test]
    fn neighbours_that_belong_together_are_one_run() {
        assert_eq!(runs(&[1, 1, 2, 2, 2, 1], |a, b| a == b), [(0, 2), (2, 5), (5, 6)]);
        assert_eq!(runs::<u8>(&[], |_, _| true), []);
    }
}
