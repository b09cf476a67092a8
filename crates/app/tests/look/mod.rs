//! What a terminal shows of a frame, and whether it is as it was.
#![allow(dead_code)]

use std::num::NonZeroU16;
use std::path::Path;

use retop::tui::app::App;
use retop::tui::panel;
use retop::tui::render::Screen;

/// The bytes of a first frame.
pub fn drawn(app: &mut App, width: u16, height: u16) -> Vec<u8> {
    let mut screen = Screen::new(width, height, true);
    let mut bytes = Vec::new();
    app.arrange(width, height);
    screen
        .draw(&mut bytes, app.glyphs, |canvas| panel::draw(app, canvas))
        .expect("a Vec takes all");
    bytes
}

/// What the terminal shows after one frame.
pub fn shown(app: &mut App, width: u16, height: u16) -> String {
    let bytes = drawn(app, width, height);
    let size = |cells| NonZeroU16::new(cells).expect("not 0");
    let mut terminal = vt100::Parser::new(size(height), size(width), 0);
    terminal.process(&bytes);
    let rows = terminal.screen().rows(0, width);
    rows.map(|row| format!("{}\n", row.trim_end())).collect()
}

/// Compares with the file of that name; `BLESS=1` writes it instead.
pub fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/screens/{name}.txt"));
    if std::env::vars().any(|(name, _)| name == "BLESS") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        return;
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        want == text,
        "{name} has changed; BLESS=1 accepts it\n--- was\n{want}\n--- is\n{text}"
    );
}
