//! Connections to sensors: the system management controller, and the event system.

use std::sync::Arc;

use super::corefoundation::{Borrowed, Owned};
use super::library::{Library, Port};
use super::registry;
use super::smc::{self, Ask, Code, MESSAGE};
use crate::source::Problem;

/// The call that takes a message and gives one.
const SELECTOR: u32 = 2;
/// More keys than any controller has: 3739 were seen.
const MOST: u32 = 16_384;

/// An open controller.
pub struct Controller {
    connection: Port,
    library: Arc<Library>,
    /// Every key that holds a number, with its size and type.
    keys: Vec<(Code, u32, Code)>,
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(close) = self.library.symbols.io_close {
            // SAFETY: the connection is ours, and this is the last use of it.
            let _ = unsafe { close(self.connection) };
        }
    }
}

impl Controller {
    /// Opens it and learns its keys: once, as that is a call for each of thousands.
    pub fn open(library: &Arc<Library>) -> Result<Controller, Problem> {
        let mut controller = Controller::connect(library)?;
        let Some(count) = controller.value(Code::new("#KEY")) else {
            return Err(Problem::failing("AppleSMC does not tell how many keys it has"));
        };
        for index in 0..(count as u32).min(MOST) {
            let key = controller.ask(Ask::KeyAt(index)).and_then(|answer| smc::key(&answer));
            if let Some(key) = key.filter(|&key| is_of_interest(key)) {
                controller.learn(key);
            }
        }
        Ok(controller)
    }

    /// Opens it for a few keys, whose names are known.
    pub fn open_for(library: &Arc<Library>, keys: &[&str]) -> Result<Controller, Problem> {
        let mut controller = Controller::connect(library)?;
        keys.iter().for_each(|key| controller.learn(Code::new(key)));
        Ok(controller)
    }

    fn connect(library: &Arc<Library>) -> Result<Controller, Problem> {
        let found = registry::services(library, "AppleSMC").into_iter();
        let is_endpoint = |name: String| name == "AppleSMCKeysEndpoint";
        let endpoint = { found }.find(|entry| entry.name().is_some_and(is_endpoint));
        let Some(endpoint) = endpoint else {
            return Err(Problem::absent("no system management controller that has keys"));
        };
        let symbols = &library.symbols;
        let (Some(open), Some(task), Some(_)) =
            (symbols.io_open, symbols.mach_task, symbols.io_close)
        else {
            return Err(Problem::absent("IOKit opens no services here"));
        };
        let mut connection = 0;
        // SAFETY: the constant is the port of this task; one port is written, which is ours.
        let code = unsafe { open(endpoint.port(), *task, 0, &raw mut connection) };
        if code != 0 {
            return Err(Problem::denied(format!("AppleSMC: IOServiceOpen gives {code:#x}")));
        }
        Ok(Controller { connection, library: Arc::clone(library), keys: Vec::new() })
    }

    fn learn(&mut self, key: Code) {
        if let Some((size, kind)) = self.info(key) {
            self.keys.push((key, size, kind));
        }
    }

    fn ask(&self, ask: Ask) -> Option<[u8; MESSAGE]> {
        let (question, mut answer, mut room) = (ask.message(), [0_u8; MESSAGE], MESSAGE);
        // SAFETY: 80 bytes are read, and no more written than there is room for.
        let code = unsafe {
            self.library.symbols.io_call?(
                self.connection,
                SELECTOR,
                question.as_ptr().cast(),
                question.len(),
                answer.as_mut_ptr().cast(),
                &raw mut room,
            )
        };
        (code == 0 && room == MESSAGE).then_some(answer)
    }

    fn info(&self, key: Code) -> Option<(u32, Code)> {
        smc::info(&self.ask(Ask::Info(key))?)
    }

    fn read(&self, key: Code, size: u32, kind: Code) -> Option<f64> {
        let answer = self.ask(Ask::Read(key, size))?;
        smc::number(kind, smc::bytes(&answer, size)?)
    }

    /// The value of a key, if it is there and a number.
    pub fn value(&self, key: Code) -> Option<f64> {
        let known = self.keys.iter().find(|(known, ..)| *known == key);
        let (size, kind) = known.map(|&(_, size, kind)| (size, kind)).or_else(|| self.info(key))?;
        self.read(key, size, kind)
    }

    /// Every temperature.
    pub fn temperatures(&self, into: &mut Vec<(Code, f64)>) {
        into.clear();
        let keys = self.keys.iter().filter(|(key, ..)| key.starts_with("T"));
        into.extend(keys.filter_map(|&(key, size, kind)| Some((key, self.read(key, size, kind)?))));
    }
}

/// Temperatures and fans.
fn is_of_interest(key: Code) -> bool {
    let is_fan = key.0[0] == b'F' && key.0[1].is_ascii_digit();
    is_fan || key.starts_with("T")
}

/// The sensors of the event system: what older systems and chips have.
pub struct Events {
    client: Owned,
    library: Arc<Library>,
    product: Owned,
}

impl Events {
    /// Asks for the sensors of temperatures. One client is kept: one for each question leaks.
    pub fn open(library: &Arc<Library>) -> Option<Events> {
        const PAGE: i64 = 0xff00;
        const USAGE: i64 = 5;
        let symbols = &library.symbols;
        symbols.cf_release?;
        let (page, usage) = (Owned::integer(library, PAGE)?, Owned::integer(library, USAGE)?);
        let wanted =
            Owned::dictionary(library, &[("PrimaryUsagePage", &page), ("PrimaryUsage", &usage)])?;
        // SAFETY: Create gives a reference of our own; the second call retains what it needs.
        let client = unsafe {
            let client = Owned::take(library, symbols.hid_client?(std::ptr::null()))?;
            let _ = symbols.hid_match?(client.as_ref(), wanted.as_ref());
            client
        };
        let product = Owned::text(library, "Product")?;
        Some(Events { client, library: Arc::clone(library), product })
    }

    /// Names and temperatures.
    pub fn read(&self) -> Vec<(String, f64)> {
        let symbols = &self.library.symbols;
        // SAFETY: Copy gives a reference of our own.
        let services = symbols.hid_services.and_then(|services| unsafe {
            Owned::take(&self.library, services(self.client.as_ref()))
        });
        let Some(services) = services else { return Vec::new() };
        services.borrow().elements().filter_map(|service| self.sensor(service)).collect()
    }

    fn sensor(&self, service: Borrowed<'_>) -> Option<(String, f64)> {
        const TEMPERATURE: i64 = 15;
        let symbols = &self.library.symbols;
        // SAFETY: the service is one, and Copy gives references of our own.
        let (name, event) = unsafe {
            let name = symbols.hid_property?(service.as_ref(), self.product.as_ref());
            let event = symbols.hid_event?(service.as_ref(), TEMPERATURE, 0, 0);
            (Owned::take(&self.library, name), Owned::take(&self.library, event))
        };
        let name = name?.borrow().text()?;
        let event = event?;
        // SAFETY: the event is one of temperature.
        let celsius = unsafe { symbols.hid_value?(event.as_ref(), (TEMPERATURE << 16) as u32) };
        celsius.is_finite().then_some((name, celsius))
    }
}
