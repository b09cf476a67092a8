//! Remembers who got which signal.

use std::sync::Mutex;

use retop::tui::Control;
use retop_model::Key;

#[derive(Default)]
pub struct Heard(pub Mutex<Vec<(u64, i32)>>);

impl Control for Heard {
    fn send(&self, key: Key, signal: i32) -> Result<(), String> {
        self.0.lock().expect("whole").push((key.0, signal));
        Ok(())
    }
}
