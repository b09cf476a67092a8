//! The scenario as it is being played: time, faults, the list of calls.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use retop_fake_library::{Time, own_folder};

use crate::scenario::{Device, Fault, Scenario};

/// The codes of NVML that are used here.
pub mod code {
    pub const SUCCESS: u32 = 0;
    pub const UNINITIALIZED: u32 = 1;
    pub const INVALID_ARGUMENT: u32 = 2;
    pub const NOT_SUPPORTED: u32 = 3;
    pub const NO_PERMISSION: u32 = 4;
    pub const NOT_FOUND: u32 = 6;
    pub const INSUFFICIENT_SIZE: u32 = 7;
    pub const TIMEOUT: u32 = 10;
    pub const ARGUMENT_VERSION_MISMATCH: u32 = 25;
    pub const UNKNOWN: u32 = 999;
}

/// What is being played.
pub struct Stage {
    pub scenario: Scenario,
    time: Time,
    calls: Option<Mutex<File>>,
    /// How often the library was opened for use and not closed again.
    users: AtomicI64,
    /// How often each list was asked for while it grew.
    asked: Mutex<HashMap<(String, Option<usize>), u32>>,
    /// Until when events were told.
    told: Mutex<f64>,
}

/// How a list deceives whoever asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    None,
    /// It is longer than there is room, whatever room there is.
    Grows,
    /// It says that it wrote more than it did.
    Overfull,
}

static STAGE: OnceLock<Option<Stage>> = OnceLock::new();

/// The stage; `None` if the scenario cannot be read, which every call answers with "unknown".
pub fn stage() -> Option<&'static Stage> {
    STAGE.get_or_init(open).as_ref()
}

fn open() -> Option<Stage> {
    let folder = own_folder();
    let named = |variable: &str, file: &str| {
        std::env::var_os(variable).map(PathBuf::from).or_else(|| Some(folder.as_ref()?.join(file)))
    };
    let path = named("FAKE_NVML_SCENARIO", "scenario.toml")?;
    let text = std::fs::read_to_string(&path);
    let scenario = text.map_err(|error| error.to_string()).and_then(|text| Scenario::parse(&text));
    let scenario =
        scenario.inspect_err(|error| eprintln!("fake NVML: {}: {error}", path.display())).ok()?;
    let calls = named("FAKE_NVML_LOG", "calls");
    let calls = calls.and_then(|path| File::options().create(true).append(true).open(path).ok());
    Some(Stage {
        scenario,
        time: Time::begin(named("FAKE_NVML_CLOCK", "clock")),
        calls: calls.map(Mutex::new),
        users: AtomicI64::new(0),
        asked: Mutex::new(HashMap::new()),
        told: Mutex::new(0.0),
    })
}

impl Stage {
    /// Seconds since the start.
    pub fn now(&self) -> f64 {
        self.time.now()
    }

    /// Somebody begins to use the library.
    pub fn enter(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody is done with it; false if nobody was.
    pub fn leave(&self) -> bool {
        let left = self.users.fetch_sub(1, Ordering::Relaxed) > 0;
        if !left {
            self.users.store(0, Ordering::Relaxed);
        }
        left
    }

    pub fn is_used(&self) -> bool {
        self.users.load(Ordering::Relaxed) > 0
    }

    /// Writes a call down and does what the scenario has in store for it. Gives the time, or the
    /// code that the call answers.
    pub fn call(&self, symbol: &str, device: Option<usize>) -> Result<f64, u32> {
        self.call_about(symbol, device, false)
    }

    /// The same of a part of a device.
    pub fn call_about(&self, symbol: &str, device: Option<usize>, part: bool) -> Result<f64, u32> {
        let now = self.now();
        let outcome = self.suffer(symbol, device, part, now);
        if let Some(calls) = &self.calls {
            let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
            let device = device.map_or_else(|| "-".to_owned(), |device| device.to_string());
            let code = outcome.err().unwrap_or(code::SUCCESS);
            let _ = writeln!(calls, "{now:.3} {symbol} {device} {code}");
        }
        outcome.map(|()| self.now())
    }

    /// How the list of that name deceives now.
    pub fn lie(&self, symbol: &str, device: Option<usize>, now: f64) -> Lie {
        let mut faults = self.scenario.faults.iter();
        let lies = |fault: &&Fault| {
            strikes(fault, symbol, device, now) && (fault.grows > 0 || fault.overfull)
        };
        let Some(fault) = faults.find(lies) else { return Lie::None };
        if fault.overfull {
            return Lie::Overfull;
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = asked.entry((symbol.to_owned(), device)).or_insert(0);
        *asked += 1;
        if (*asked).is_multiple_of(fault.grows + 1) { Lie::None } else { Lie::Grows }
    }

    /// The next event up to now: the device, and the number of the error.
    pub fn event(&self, now: f64) -> Option<(usize, u64)> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let devices = self.scenario.devices.iter().enumerate();
        let events = devices
            .flat_map(|(place, device)| device.xids.iter().map(move |&(at, xid)| (at, place, xid)));
        let due = events.filter(|&(at, ..)| at > *told && at <= now);
        let (at, place, xid) = due.min_by(|a, b| a.0.total_cmp(&b.0))?;
        *told = at;
        Some((place, xid))
    }

    fn suffer(&self, symbol: &str, device: Option<usize>, part: bool, now: f64) -> Result<(), u32> {
        let faults = self.scenario.faults.iter();
        let faults = faults.filter(|fault| fault.parts || !part);
        for fault in faults.filter(|fault| strikes(fault, symbol, device, now)) {
            if fault.block {
                // For ever costs nothing, as in the kernel.
                let pause = if fault.until.is_finite() { 5 } else { 3_600_000 };
                while self.now() < fault.until {
                    std::thread::sleep(Duration::from_millis(pause));
                }
            }
            std::thread::sleep(Duration::from_millis(fault.delay_ms));
            if let Some(code) = fault.code {
                return Err(code);
            }
        }
        let device = device.and_then(|device| self.scenario.devices.get(device));
        let unsupported = |device: &Device| device.unsupported.iter().any(|name| name == symbol);
        if device.is_some_and(unsupported) { Err(code::NOT_SUPPORTED) } else { Ok(()) }
    }
}

fn strikes(fault: &Fault, symbol: &str, device: Option<usize>, now: f64) -> bool {
    (fault.symbol == "*" || fault.symbol == symbol)
        && fault.device.is_none_or(|struck| device == Some(struck))
        && (fault.from..fault.until).contains(&now)
}
