//! IOReport: subscriptions to channels of the drivers, and samples of them.
//!
//! Values are taken as the drivers count them, since boot: what two samples differ by is the model's
//! business. Each group is subscribed to by itself, so that one that refuses takes away nothing else,
//! and only to the channels that are wanted: the states of hundreds of others cost most of all.

use std::sync::Arc;

use super::corefoundation::{Borrowed, Owned};
use super::energy::UNFILLED;
use super::library::{Library, Ref};

/// Where the stamp of an element lies in the bytes behind a channel.
const STAMP: usize = 24;
/// More states than any channel has.
const STATES: i32 = 256;

/// A channel of a subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channel {
    pub name: String,
    /// Known from the first sample on: items of the catalogue only have names.
    pub unit: String,
    /// Names of its states, if it has any; known from the first sample on.
    pub states: Vec<String>,
    is_known: bool,
}

/// What a channel held when it was sampled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// The value of a simple channel; `None` if it was not filled in.
    pub value: Option<i64>,
    /// When the driver filled it in, in ticks; 0 if it does not say.
    pub stamp: u64,
    /// Ticks in each state.
    pub states: Vec<i64>,
}

/// A subscription to some channels of a group.
pub struct Subscription {
    library: Arc<Library>,
    subscription: Owned,
    /// What was asked for, and what was given for it: both must live as long.
    wanted: Owned,
    _given: Option<Owned>,
    /// The key of the list of channels.
    list: Owned,
    raw: Owned,
    pub channels: Vec<Channel>,
    pub held: Vec<Held>,
}

/// The channels of a group, of which some may be chosen.
pub struct Catalogue {
    library: Arc<Library>,
    all: Owned,
    /// The key of the list of channels.
    list: Owned,
    /// Empty for those that have none.
    pub names: Vec<String>,
}

impl Catalogue {
    /// `None` if the group is not here.
    pub fn open(library: &Arc<Library>, group: &str, subgroup: Option<&str>) -> Option<Catalogue> {
        let symbols = &library.symbols;
        symbols.cf_release?;
        let group = Owned::text(library, group)?;
        let subgroup = match subgroup {
            Some(subgroup) => Some(Owned::text(library, subgroup)?),
            None => None,
        };
        let subgroup = subgroup.as_ref().map_or(std::ptr::null(), Owned::as_ref);
        // SAFETY: both are texts or null; Copy gives a reference of our own.
        let all = unsafe {
            let copy = symbols.report_channels?;
            Owned::take(library, copy(group.as_ref(), subgroup, 0, 0, 0))?
        };
        let list = Owned::text(library, "IOReportChannels")?;
        let items = all.borrow().member(&list)?.elements();
        let names = items.map(|item| name(library, item).unwrap_or_default()).collect();
        Some(Catalogue { library: Arc::clone(library), all, list, names })
    }

    /// Subscribes to those whose places and names are wanted. `None` if there are none, or none that
    /// may be subscribed to.
    pub fn subscribe(self, is_wanted: impl Fn(usize, &str) -> bool) -> Option<Subscription> {
        let Catalogue { library, all, list, names } = self;
        let symbols = &library.symbols;
        let mut channels = Vec::new();
        let chosen = Owned::array(&library)?;
        let items = all.borrow().member(&list)?.elements();
        for (place, (item, name)) in items.zip(names).enumerate() {
            if name.is_empty() || !is_wanted(place, &name) {
                continue;
            }
            chosen.append(item)?;
            channels.push(Channel { name, ..Channel::default() });
        }
        if channels.is_empty() {
            return None;
        }
        all.set("IOReportChannels", &chosen)?;
        let mut given: Ref = std::ptr::null();
        // SAFETY: the dictionary of channels is one; Create gives a reference of our own, and one in
        // `given`.
        let (subscription, given) = unsafe {
            let create = symbols.report_subscribe?;
            let (nothing, none) = (std::ptr::null(), std::ptr::null());
            let made = create(nothing, all.as_ref(), &raw mut given, 0, none);
            (Owned::take(&library, made), Owned::take(&library, given))
        };
        Some(Subscription {
            subscription: subscription?,
            wanted: all,
            _given: given,
            list,
            raw: Owned::text(&library, "RawElements")?,
            held: vec![Held::default(); channels.len()],
            channels,
            library,
        })
    }
}

impl Subscription {
    /// Subscribes to those channels of a group whose names are wanted.
    pub fn new(
        library: &Arc<Library>,
        group: &str,
        subgroup: Option<&str>,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Option<Subscription> {
        Catalogue::open(library, group, subgroup)?.subscribe(|_, name| is_wanted(name))
    }

    /// Samples every channel into `held`; what was not given is empty there. False if the driver gave
    /// nothing.
    pub fn sample(&mut self) -> bool {
        self.clear();
        let is_whole = self.take().is_some();
        if !is_whole {
            self.clear();
        }
        is_whole
    }

    fn clear(&mut self) {
        for held in &mut self.held {
            (held.value, held.stamp) = (None, 0);
            held.states.clear();
        }
    }

    fn take(&mut self) -> Option<()> {
        let symbols = &self.library.symbols;
        // SAFETY: the subscription is to these channels; Create gives a reference of our own.
        let sample = unsafe {
            let create = symbols.report_sample?;
            let made = create(self.subscription.as_ref(), self.wanted.as_ref(), std::ptr::null());
            Owned::take(&self.library, made)?
        };
        let mut expected = 0;
        for item in sample.borrow().member(&self.list)?.elements() {
            // SAFETY: the item is a channel; Get gives what lives as long as it.
            let named = unsafe { item.get(symbols.report_name) };
            let mut room = [0; 128];
            let Some(name) = named.and_then(|name| name.text_within(&mut room)) else { continue };
            // The order is that of the subscription, as far as has been seen; a name may come twice.
            let is_it = |channel: &Channel| channel.name == name.trim();
            let place = match self.channels.get(expected).is_some_and(is_it) {
                true => Some(expected),
                false => self.channels.iter().position(is_it),
            };
            let Some(place) = place else { continue };
            expected = place + 1;
            let (channel, held) = (&mut self.channels[place], &mut self.held[place]);
            if !channel.is_known {
                channel.is_known = true;
                (channel.unit, channel.states) =
                    (unit(&self.library, item), states(&self.library, item));
            }
            if channel.states.is_empty() {
                // SAFETY: the item is a simple channel; others give the value of an unfilled one.
                let value = unsafe { symbols.report_value?(item.as_ref(), 0) };
                held.value = (value != UNFILLED).then_some(value);
                held.stamp = item.member(&self.raw).and_then(Borrowed::data).map_or(0, stamp);
                continue;
            }
            for state in 0..i32::try_from(channel.states.len()).unwrap_or(0) {
                // SAFETY: the item is a channel with as many states.
                held.states.push(unsafe { symbols.report_residency?(item.as_ref(), state) });
            }
        }
        Some(())
    }
}

fn stamp(raw: &[u8]) -> u64 {
    let bytes = raw.get(STAMP..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn name(library: &Arc<Library>, item: Borrowed<'_>) -> Option<String> {
    // SAFETY: the item is a channel; Get gives what lives as long as it.
    let name = unsafe { item.get(library.symbols.report_name)? };
    name.text().map(|name| name.trim().to_owned())
}

fn unit(library: &Arc<Library>, item: Borrowed<'_>) -> String {
    // SAFETY: as above.
    let unit = unsafe { item.get(library.symbols.report_unit) };
    unit.and_then(Borrowed::text).map(|unit| unit.trim().to_owned()).unwrap_or_default()
}

fn states(library: &Arc<Library>, item: Borrowed<'_>) -> Vec<String> {
    let symbols = &library.symbols;
    let (Some(format), Some(count), Some(state)) =
        (symbols.report_format, symbols.report_states, symbols.report_state)
    else {
        return Vec::new();
    };
    // SAFETY: the item is a channel, and one of states where they are counted; Get gives what lives
    // as long as it.
    unsafe {
        const HAS_STATES: i32 = 2;
        if format(item.as_ref()) != HAS_STATES {
            return Vec::new();
        }
        let name = |place| {
            let name = item.get_at(state, place).and_then(Borrowed::text);
            name.map(|name| name.trim().to_owned()).unwrap_or_default()
        };
        (0..count(item.as_ref()).clamp(0, STATES)).map(name).collect()
    }
}
