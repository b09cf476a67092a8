//! What one source reads and another shows.

use std::sync::Mutex;

/// The temperatures of the die, as the sensors' thread last read them.
#[derive(Debug, Default)]
pub struct Shared {
    gpu_celsius: Mutex<Option<f64>>,
}

impl Shared {
    pub fn set_gpu_celsius(&self, celsius: Option<f64>) {
        if let Ok(mut place) = self.gpu_celsius.lock() {
            *place = celsius;
        }
    }

    pub fn gpu_celsius(&self) -> Option<f64> {
        self.gpu_celsius.lock().ok().and_then(|place| *place)
    }
}
