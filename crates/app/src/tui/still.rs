//! Stills: the screen as it is, and the moment on it, kept as files.

use std::io::{self, Write as _};
use std::path::Path;

use retop_engine::export::json::{JsonView, Options};
use retop_engine::export::target::Target;
use retop_engine::export::{Arguments, Limit};
use retop_model::Snapshot;
use retop_model::family::host;

use super::app::{App, Message};
use super::render::Grid;
use super::units::{date, time_of_day};

impl App {
    /// Writes what was on the screen and the moment that it showed, and says where.
    pub(super) fn keep_still(&mut self, shown: &Grid, folder: Option<&Path>) {
        let Some(now) = &self.now else { return };
        let Some(folder) = folder else {
            let text = "there is no folder for the files: start retop in one".to_owned();
            self.message = Some(Message { text, wrong: true });
            return;
        };
        let name = self.name_of(now);
        let [screen, moment] = ["txt", "json"].map(|end| folder.join(format!("{name}.{end}")));
        let kept = write(&screen, text(shown).as_bytes())
            .map_err(|error| (&screen, error))
            .and_then(|()| write(&moment, &json(now)).map_err(|error| (&moment, error)));
        self.message = Some(match kept {
            Ok(()) => {
                let text = format!("the screen is in {}, its moment beside it", screen.display());
                Message { text, wrong: false }
            }
            Err((path, error)) => {
                let text = format!("{}: {error}; start retop where you may write", path.display());
                Message { text, wrong: true }
            }
        });
    }

    /// `retop-web-01-2026-11-20-140321`.
    fn name_of(&self, now: &Snapshot) -> String {
        let wall_ms = now.stamp().wall_ms;
        let offset = (self.offset_seconds)(wall_ms.div_euclid(1000));
        let host = now.one_text(host::name).map_or("", |name| name.shown());
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let host: String = host.chars().map(plain).collect();
        let clock = time_of_day(wall_ms, offset).replace(':', "");
        format!("retop-{host}-{}-{clock}", &*date(wall_ms, offset))
    }
}

/// The screen without its colours.
fn text(shown: &Grid) -> String {
    let mut text = String::new();
    for y in 0..shown.height() {
        let begin = text.len();
        text.extend(shown.text(y));
        let end = begin + text[begin..].trim_end().len();
        text.truncate(end);
        text.push('\n');
    }
    text
}

/// The moment as `--json` prints it, with every process.
fn json(now: &Snapshot) -> Vec<u8> {
    let options =
        Options { processes: Limit::All, arguments: Arguments::None, ..Options::default() };
    let (mut line, mut out) = (Vec::new(), Vec::new());
    // A Vec takes everything.
    let _ = JsonView { snapshot: now, options }.write_ndjson(&mut line, &mut out);
    out
}

/// All of it at once or nothing, for its owner alone: commands stand on the screen.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut target = Target::file(path, true)?.private();
    target.create("")?.write_all(bytes)?;
    target.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::Options;
    use retop_model::{FamilyId, Key, RawSample, RawTable, Stamp, derive};
    use std::sync::Arc;

    #[test]
    fn a_still_is_the_screen_as_text_and_the_moment_as_json() {
        let mut table = RawTable::new(FamilyId::Host);
        table.push(Key::ONE).text(host::name, "web/../01");
        table.finish(retop_model::Window { begin_ns: 0, end_ns: 1 });
        let mut sample = RawSample::new(Stamp { wall_ms: 1_795_183_401_000, ..Stamp::default() });
        sample.put(Arc::new(table));
        let mut app = App::new(&Options::default());
        let shown = Grid::with_lines(&["retop  日本語 x", "", "   "]);
        let folder = std::env::temp_dir().join(format!("retop-still-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        app.keep_still(&shown, Some(&folder));
        assert!(app.message.is_none(), "there is no moment yet");
        app.update(&Arc::new(derive(None, Arc::new(sample))));
        app.keep_still(&shown, Some(&folder));
        let path = folder.join("retop-web-..-01-2026-11-20-140321");
        let said = app.message.take().expect("where it is");
        assert!(said.text.contains(&path.display().to_string()), "{}", said.text);
        let read = |ending| {
            std::fs::read_to_string(format!("{}.{ending}", path.display())).expect("there")
        };
        assert_eq!(read("txt"), "retop  日本語 x\n\n\n");
        assert!(read("json").starts_with("{\"time\":\"2026-11-20T14:03:21"), "{}", read("json"));
        std::fs::remove_dir_all(&folder).expect("removed");
        app.keep_still(&shown, Some(&folder));
        let said = app.message.take().expect("why not");
        assert!(
            said.wrong && said.text.ends_with("start retop where you may write"),
            "{}",
            said.text
        );
        app.keep_still(&shown, None);
        assert!(app.message.take().is_some_and(|said| said.wrong));
    }
}
