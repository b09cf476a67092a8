//! A recorder beside a screen, on a thread of its own: a disk that hangs delays no sample.

use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use retop_model::Snapshot;

use crate::history::View;

use super::folder::Folder;
use super::recorder::{Recorder, Settings, State};

/// Samples that wait for the disk: two minutes at one a second.
const WAITING: usize = 120;

/// A recorder at work. Dropping it ends the recording in order; nothing is waited for.
pub struct Live {
    moments: SyncSender<Arc<Snapshot>>,
    state: Arc<Mutex<State>>,
    /// Closed when the last byte is written.
    ended: Receiver<()>,
    missed: Mutex<u64>,
}

impl Live {
    /// Begins to record: first what is in the history, so that the minutes before somebody thought
    /// of it are there, then what is pushed.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or the system gives no thread.
    pub fn start(
        folder: Box<dyn Folder>,
        settings: Settings,
        past: Option<View>,
    ) -> std::io::Result<Live> {
        let mut recorder = Recorder::new(folder, settings)?;
        let (moments, coming) = sync_channel::<Arc<Snapshot>>(WAITING);
        let (ends, ended) = channel::<()>();
        let state = Arc::new(Mutex::new(State::default()));
        let told = Arc::clone(&state);
        let tell = move |recorder: &mut Recorder| {
            // Nobody reads them here: the state is on the screen.
            recorder.notes().for_each(drop);
            *told.lock().unwrap_or_else(PoisonError::into_inner) = recorder.state().clone();
        };
        let run = move || {
            let mut last_ns = None;
            for moment in past.iter().flat_map(View::moments) {
                last_ns = Some(moment.stamp().monotonic_ns);
                recorder.push(&moment);
                tell(&mut recorder);
            }
            for moment in coming {
                // The history held it already.
                if last_ns.is_none_or(|last| moment.stamp().monotonic_ns > last) {
                    recorder.push(&moment);
                    tell(&mut recorder);
                }
            }
            recorder.close();
            drop(ends);
        };
        std::thread::Builder::new().name("record".to_owned()).spawn(run)?;
        Ok(Live { moments, state, ended, missed: Mutex::new(0) })
    }

    /// Takes the newest moment. One that finds the queue full is lost, and counted.
    pub fn push(&self, moment: &Arc<Snapshot>) {
        if let Err(TrySendError::Full(_)) = self.moments.try_send(Arc::clone(moment)) {
            *self.missed.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> State {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let missed = *self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if missed > 0 && state.paused.is_none() {
            state.lost += missed;
        }
        state
    }

    /// Ends the recording in order and waits so long for the disk.
    pub fn close(self, patience: Duration) {
        drop(self.moments);
        debug_assert!(!matches!(self.ended.try_recv(), Ok(())));
        match self.ended.recv_timeout(patience) {
            Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
        }
    }
}
