//! A recorder beside a screen, on a thread of its own: a disk that hangs delays no sample.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use retop_model::Snapshot;

use crate::history::View;

use super::folder::Folder;
use super::recorder::{Recorder, Settings, State};

/// Samples that wait for the disk: two minutes at one a second.
const WAITING: usize = 120;

/// Opens the folder, on the thread that records; says why not, for people.
pub type Opening = Box<dyn FnOnce() -> Result<Box<dyn Folder>, String> + Send>;

/// A recorder at work. Dropping it ends the recording in order; nothing is waited for.
pub struct Live {
    moments: SyncSender<Arc<Snapshot>>,
    state: Arc<Mutex<State>>,
    ending: Ending,
    missed: AtomicU64,
    /// The newest moment found no place.
    full: AtomicBool,
}

/// A recording that was ended, while its last bytes are written.
pub struct Ending(Receiver<()>);

impl Ending {
    /// Waits so long for the last byte.
    pub fn wait(&self, patience: Duration) {
        // Nothing is ever sent: the other end goes away.
        let _ = self.0.recv_timeout(patience);
    }
}

impl Live {
    /// Begins to record: first what is in the history, so that the minutes before somebody thought
    /// of it are there, then what is pushed. Nothing is waited for: neither the folder nor the end
    /// of the recording `before`, which may be in the same one.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(
        open: Opening,
        settings: Settings,
        past: Option<View>,
        before: Option<Ending>,
    ) -> std::io::Result<Live> {
        let (moments, coming) = sync_channel::<Arc<Snapshot>>(WAITING);
        let (ends, ended) = channel::<()>();
        let state = Arc::new(Mutex::new(State::default()));
        let told = Arc::clone(&state);
        let run = move || {
            // Gone when this thread ends, however it does.
            let _ends = ends;
            if let Some(Ending(before)) = before {
                let _ = before.recv();
            }
            let tell = |state: &State| {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = state.clone();
            };
            let begun = open().and_then(|folder| {
                Recorder::new(folder, settings).map_err(|error| super::error::plain(&error))
            });
            match begun {
                Ok(recorder) => record(recorder, past.as_ref(), &coming, &tell),
                Err(why) => tell(&State { failed: Some(why), ..State::default() }),
            }
        };
        std::thread::Builder::new().name("record".to_owned()).spawn(run)?;
        let ending = Ending(ended);
        Ok(Live { moments, state, ending, missed: AtomicU64::new(0), full: AtomicBool::new(false) })
    }

    /// Takes the newest moment. One that finds the queue full is lost, and counted.
    pub fn push(&self, moment: &Arc<Snapshot>) {
        let full = matches!(self.moments.try_send(Arc::clone(moment)), Err(TrySendError::Full(_)));
        self.missed.fetch_add(u64::from(full), Ordering::Relaxed);
        self.full.store(full, Ordering::Relaxed);
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> State {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.lost += self.missed.load(Ordering::Relaxed);
        if self.full.load(Ordering::Relaxed) && state.failed.is_none() {
            // The thread waits for it, and cannot say so.
            state.paused = Some("the disk does not answer".to_owned());
        }
        state
    }

    /// Ends the recording in order.
    #[must_use]
    pub fn end(self) -> Ending {
        self.ending
    }
}

/// Records until nothing comes any more.
fn record(
    mut recorder: Recorder,
    past: Option<&View>,
    coming: &Receiver<Arc<Snapshot>>,
    tell: &dyn Fn(&State),
) {
    tell(recorder.state());
    let mut last_ns = None;
    let push = |recorder: &mut Recorder, moment: &Snapshot| {
        recorder.push(moment);
        // Nobody reads them here: the state is on the screen.
        recorder.notes().for_each(drop);
        tell(recorder.state());
    };
    for moment in past.into_iter().flat_map(View::moments) {
        last_ns = Some(moment.stamp().monotonic_ns);
        push(&mut recorder, &moment);
    }
    for moment in coming {
        // The history held it already.
        if last_ns.is_none_or(|last| moment.stamp().monotonic_ns > last) {
            push(&mut recorder, &moment);
        }
    }
    recorder.close();
}
