//! The machine as it is being played: time, and what was called.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use retop_fake_library::{Time, own_folder};

use crate::scenario::Scenario;

/// What is being played.
pub struct Stage {
    pub scenario: Scenario,
    time: Time,
    /// What was wrong with calls.
    faults: Mutex<Vec<String>>,
    /// The time of day and the time since boot when the scenario began.
    wall: f64,
    up: f64,
}

/// Calls of one symbol.
pub struct Calls {
    name: &'static str,
    count: AtomicU64,
}

/// Those that were called.
static CALLED: Mutex<Vec<&'static Calls>> = Mutex::new(Vec::new());

impl Calls {
    pub const fn of(name: &'static str) -> Calls {
        Calls { name, count: AtomicU64::new(0) }
    }

    /// Writes a call down.
    pub fn add(&'static self) {
        if self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            CALLED.lock().unwrap_or_else(PoisonError::into_inner).push(self);
        }
    }
}

static STAGE: OnceLock<Stage> = OnceLock::new();

/// The stage. A scenario that cannot be read plays an empty machine, and says so.
pub fn stage() -> &'static Stage {
    STAGE.get_or_init(open)
}

fn open() -> Stage {
    let folder = own_folder().unwrap_or_default();
    let path = std::env::var_os("FAKE_APPLE_SCENARIO")
        .map_or_else(|| folder.join("scenario.toml"), PathBuf::from);
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let scenario = text.and_then(|text| Scenario::parse(&text)).unwrap_or_else(|error| {
        eprintln!("made-up Apple libraries: {}: {error}", path.display());
        Scenario::default()
    });
    let time = Time::begin(Some(folder.join("clock")));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let today = since.map_or(WALL, |since| since.as_secs_f64());
    Stage {
        scenario,
        wall: if time.is_stepped() { WALL } else { today },
        // A monitor's own clock goes on: processes must not be born before the machine.
        up: if time.is_stepped() { UPTIME } else { uptime() },
        time,
        faults: Mutex::default(),
    }
}

/// How long this machine has been up.
fn uptime() -> f64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(UPTIME)
}

/// How long the machine had been up when the scenario begins, where time is stepped.
const UPTIME: f64 = 100_000.0;
/// The time of day when it begins, where time is stepped.
const WALL: f64 = 1_750_000_000.0;

impl Stage {
    /// Seconds since the scenario began.
    pub fn now(&self) -> f64 {
        self.time.now()
    }

    /// Lets it be so many seconds since the scenario began.
    pub fn set_now(&self, seconds: f64) {
        self.time.set(seconds);
    }

    /// Seconds since the machine was booted.
    pub fn uptime(&self) -> f64 {
        self.up + self.now()
    }

    /// Seconds since 1970.
    pub fn wall(&self) -> f64 {
        self.wall + self.now()
    }

    /// Seconds since 1970 when the scenario begins.
    pub fn began(&self) -> f64 {
        self.wall
    }

    /// Ticks of the machine's clock of 24 MHz.
    pub fn ticks(&self) -> u64 {
        (self.uptime() * self.scenario.hertz()) as u64
    }

    fn faults(&self) -> MutexGuard<'_, Vec<String>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what was wrong with a call.
    pub fn fault(&self, text: String) {
        self.faults().push(text);
    }

    /// Everything so far, as text: a line for each symbol and each fault.
    pub fn report(&self) -> String {
        let called = CALLED.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = called
            .iter()
            .map(|of| format!("call {} {}\n", of.name, of.count.load(Ordering::Relaxed)));
        let faults = self.faults();
        let faults = faults.iter().map(|fault| format!("fault {fault}\n"));
        calls.chain(faults).collect()
    }
}

/// Begins a C function: writes the call down and gives the stage.
macro_rules! entered {
    ($name:ident) => {{
        static CALLS: $crate::stage::Calls = $crate::stage::Calls::of(stringify!($name));
        CALLS.add();
        $crate::stage::stage()
    }};
}
pub(crate) use entered;
