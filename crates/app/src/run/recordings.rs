//! The part of some recordings that somebody wants to see.

use std::path::PathBuf;

use retop_engine::export::tidy::events::HostEvent;
use retop_engine::local_offset_seconds;
use retop_engine::recording::{Recording, RecordingError};
use retop_model::Snapshot;
use retop_model::civil::Rfc3339;

use crate::run::note_on_stderr;
use crate::settings::Settings;
use crate::when::{self, Span};

/// Recordings in order of time, and a window of them.
pub struct Recordings {
    recordings: Vec<(Recording, Span)>,
    /// The window, both ends included.
    pub window: Span,
}

impl Recordings {
    /// Opens recordings and finds the window that the settings name.
    ///
    /// # Errors
    ///
    /// What cannot be opened, and a window in which nothing was recorded.
    pub fn open(settings: &Settings) -> anyhow::Result<Recordings> {
        let mut recordings = Vec::new();
        for path in &settings.recordings {
            let recording = Recording::open(path)?;
            if let Some(range) = recording.range()? {
                let span = Span { first_ms: range.start, last_ms: range.end.saturating_sub(1) };
                recordings.push((recording, span));
            }
        }
        recordings.sort_by_key(|(_, span)| span.first_ms);
        let first_ms = recordings.iter().map(|(_, span)| span.first_ms).min();
        let last_ms = recordings.iter().map(|(_, span)| span.last_ms).max();
        let Some((first_ms, last_ms)) = first_ms.zip(last_ms) else {
            anyhow::bail!("{}: no sample was recorded", names(&settings.recordings));
        };
        let whole = Span { first_ms, last_ms };
        let window = when::window(settings.from, settings.until, whole, &local_offset_seconds);
        let held = format!("there are samples from {} to {}", Rfc3339(first_ms), Rfc3339(last_ms));
        let (from, until) = (Rfc3339(window.first_ms), Rfc3339(window.last_ms));
        if settings.until.is_none() && window.first_ms > last_ms {
            anyhow::bail!("nothing was recorded from {from} on; {held}");
        }
        if window.last_ms < window.first_ms {
            anyhow::bail!("{until} is before {from}; --from comes before --until");
        }
        let found = Recordings { recordings, window };
        if found.first()?.is_none() {
            anyhow::bail!("nothing was recorded from {from} to {until}; {held}");
        }
        Ok(found)
    }

    /// What happened in the window, in order of time.
    ///
    /// # Errors
    ///
    /// What cannot be read.
    pub fn events(&self) -> anyhow::Result<Vec<HostEvent>> {
        let Span { first_ms, last_ms } = self.window;
        let mut events = Vec::new();
        for (recording, _) in &self.recordings {
            let host = recording.header()?.host;
            let found = recording.events(first_ms, last_ms.saturating_add(1))?;
            events.extend(found.into_iter().map(|event| (host.clone(), event)));
        }
        events.sort_by_key(|(_, event)| event.wall_ms);
        Ok(events)
    }

    /// The first moment of the window.
    fn first(&self) -> anyhow::Result<Option<Snapshot>> {
        let mut first = None;
        let mut take = |moment: &Snapshot| {
            first = Some(moment.clone());
            Ok(false)
        };
        // Damage is told when it is all gone through.
        self.walk(&mut take, &mut |_| {})?;
        Ok(first)
    }

    /// The share of the window that lies before a moment.
    #[must_use]
    pub fn share(&self, moment: &Snapshot) -> f64 {
        let Span { first_ms, last_ms } = self.window;
        let passed = moment.stamp().wall_ms.saturating_sub(first_ms);
        passed as f64 / last_ms.saturating_sub(first_ms).max(1) as f64
    }

    /// Calls `body` with each moment of the window until it has had enough. Damage is told on
    /// stderr, and what stands behind it is read.
    ///
    /// # Errors
    ///
    /// Those of `body`.
    pub fn each(
        &self,
        mut body: impl FnMut(&Snapshot) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.walk(&mut body, &mut |damage| note_on_stderr(&damage.to_string()))
    }

    fn walk(
        &self,
        body: &mut dyn FnMut(&Snapshot) -> anyhow::Result<bool>,
        tell: &mut dyn FnMut(RecordingError),
    ) -> anyhow::Result<()> {
        let Span { first_ms, last_ms } = self.window;
        let inside = |span: &Span| span.first_ms <= last_ms && span.last_ms >= first_ms;
        for (recording, _) in self.recordings.iter().filter(|(_, span)| inside(span)) {
            for moment in recording.moments(first_ms, last_ms.saturating_add(1)) {
                match moment {
                    Ok(moment) => {
                        if !body(&moment)? {
                            return Ok(());
                        }
                    }
                    Err(damage) => tell(damage),
                }
            }
        }
        Ok(())
    }
}

/// The paths as they were given.
#[must_use]
pub fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}
