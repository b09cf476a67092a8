//! Who takes the processors from others. Where all of them are busy their sum cannot rise, and a
//! burst shows in what one program has suddenly got.

use retop_model::family::process;
use retop_model::{FamilyId, Key, Row, Snapshot};

/// What is less than this, in cores, is beside the point.
const LEAST: f32 = 0.05;
/// What is usual goes up by a tenth of what is new in a sample ...
const LEARNS: f32 = 0.1;
/// ... and down five times as slowly ...
const FORGETS: f32 = 0.02;
/// ... for a process after so many samples: who gets back what it had has taken nothing.
const HELD: u8 = 60;
/// Of what it has usually; the rest is noise.
const NEARLY: f32 = 0.8;
/// No machine has more cores; whoever says so is not believed.
const MOST: f64 = 65_536.0;

/// What a program has taken in a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Taken {
    /// Its process that took most.
    pub pid: u64,
    /// What that process has, in cores.
    pub share: f32,
    /// What it usually has.
    pub usual: f32,
    /// What all processes of the name took beyond what the name usually takes.
    pub beyond: f32,
}

/// A process and what it usually has.
#[derive(Debug)]
struct Known {
    key: Key,
    usual: f32,
    /// Samples since it last had that.
    below: u8,
    is_there: bool,
}

/// All processes of a name. A compile is a compiler born each second: new processes take a core each
/// time, and that is what is usual of it.
#[derive(Debug)]
struct Name {
    name: Key,
    /// What they took in this sample.
    rise: f32,
    usual: f32,
    first: Taken,
}

/// What is usual of those who use the processors: of the few, for nobody else is looked up.
#[derive(Debug, Default)]
pub(super) struct Takers {
    /// Sorted by key.
    known: Vec<Known>,
    names: Vec<Name>,
    is_begun: bool,
}

fn toward(usual: f32, value: f32) -> f32 {
    usual + (value - usual) * if value > usual { LEARNS } else { FORGETS }
}

impl Takers {
    /// Forgets everybody. The next moment says what they have, and not that they took it.
    pub fn clear(&mut self) {
        self.known.clear();
        self.names.clear();
        self.is_begun = false;
    }

    /// Looks at the newest moment; gives who took most, if anybody did.
    pub fn push(&mut self, moment: &Snapshot) -> Option<Taken> {
        if !moment.has_rates() {
            return None;
        }
        let (mut at, known) = (0, self.known.len());
        for row in moment.rows(FamilyId::Process) {
            let key = row.key();
            while at < known && self.known[at].key < key {
                at += 1;
            }
            let found = at < known && self.known[at].key == key;
            let value = row.get(process::cpu_ratio).unwrap_or(0.0).clamp(0.0, MOST) as f32;
            if !found && value < LEAST {
                continue;
            }
            let (usual, below) = match (found, self.is_begun) {
                (true, _) => (self.known[at].usual, self.known[at].below),
                (false, true) => (0.0, 0),
                (false, false) => (value, 0),
            };
            self.add(row, value, usual);
            let below = if value < usual * NEARLY { below.saturating_add(1) } else { 0 };
            let learned = toward(usual, value);
            let usual = if below > 0 && below < HELD { usual } else { learned };
            let now = Known { key, usual, below, is_there: true };
            match found {
                true => self.known[at] = now,
                false => self.known.push(now),
            }
        }
        self.is_begun = true;
        let matters = |known: &Known| known.usual >= LEAST / 8.0;
        self.known.retain_mut(|known| std::mem::take(&mut known.is_there) && matters(known));
        self.known.sort_unstable_by_key(|known| known.key);
        self.most()
    }

    fn add(&mut self, row: Row<'_>, share: f32, usual: f32) {
        let rise = share - usual;
        if rise <= 0.0 {
            return;
        }
        let taken = Taken { pid: row.key().0, share, usual, beyond: 0.0 };
        let name = Key::named(row.shown(process::name).as_bytes());
        match self.names.iter_mut().find(|known| known.name == name) {
            Some(known) => {
                known.rise += rise;
                if rise > known.first.share - known.first.usual {
                    known.first = taken;
                }
            }
            None => self.names.push(Name { name, rise, usual: 0.0, first: taken }),
        }
    }

    /// Of all names the one that took most beyond what it usually does.
    fn most(&mut self) -> Option<Taken> {
        let mut most: Option<Taken> = None;
        for name in &mut self.names {
            let beyond = name.rise - name.usual;
            if beyond > most.map_or(0.0, |most| most.beyond) {
                most = Some(Taken { beyond, ..name.first });
            }
            name.usual = toward(name.usual, name.rise);
            name.rise = 0.0;
            name.first = Taken { pid: 0, share: 0.0, usual: 0.0, beyond: 0.0 };
        }
        self.names.retain(|name| name.usual >= LEAST / 8.0);
        most
    }

    /// Bytes that they take.
    pub fn memory(&self) -> usize {
        self.known.capacity() * size_of::<Known>() + self.names.capacity() * size_of::<Name>()
    }
}
