//! Which keys do what here: the keys of the table of actions, or those of a preset, with what the
//! user has bound instead.

use std::fmt::Write as _;

use super::input::{Code, Key};
use super::keys::{Action, BINDINGS, Binding, Mode};
use super::page::Page;
use super::preset::Preset;
use super::render::width;
use super::units::Text;
use crate::{short, value};

/// Keys that the user gave to an action, in place of those that it had.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Where that is written, for messages.
    pub at: String,
    /// The action's name.
    pub id: &'static str,
    /// Its keys; none for an action that shall have none.
    pub keys: Vec<Key>,
}

impl Bound {
    /// Understands `"view.rewind" = ["r", "Ctrl-r"]`.
    ///
    /// # Errors
    ///
    /// What is wrong, without the place.
    pub fn parse(at: String, id: &str, keys: &[String]) -> value::Parsed<Bound> {
        let Some(binding) = BINDINGS.iter().find(|binding| binding.id == id) else {
            let known = BINDINGS.iter().map(|binding| binding.id);
            return Err(match value::nearest(id, known) {
                Some(near) => format!("no action is called '{id}'; there is '{near}'"),
                None => format!("no action is called '{id}'; retop --print-config lists them all"),
            });
        };
        let keys = keys.iter().map(|text| key(text).map_err(|why| format!("{id}: {why}")));
        let keys: Vec<Key> = keys.collect::<Result<_, _>>()?;
        let plain = |key: &&Key| {
            matches!(key.code, Code::Char(_) | Code::Pair(..)) && !key.ctrl && !key.alt
        };
        if binding.mode.is_text()
            && let Some(key) = keys.iter().find(plain)
        {
            return Err(format!("{id}: '{key}' is text there; write Ctrl-{key} or Alt-{key}"));
        }
        Ok(Bound { at, id: binding.id, keys })
    }
}

/// The keys of every action.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    preset: Preset,
    /// In the order of [`BINDINGS`].
    keys: Vec<Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Keymap {
        Keymap::of(Preset::Default)
    }
}

impl Keymap {
    /// The keys of a preset. What it does not mention has the keys of the table, but for those that
    /// it gives to another action of the same mode.
    #[must_use]
    pub fn of(preset: Preset) -> Keymap {
        let rows = preset.rows();
        let row = |action: Action| rows.iter().find(|row| row.0 == action).map(|row| row.1);
        let taken = |mode: Mode, key: Key| {
            let here = BINDINGS.iter().filter(|binding| binding.mode == mode);
            here.filter_map(|binding| row(binding.action)).flatten().any(|&own| clash(own, key))
        };
        let keys = BINDINGS.iter().map(|binding| match row(binding.action) {
            Some(own) => own.to_vec(),
            None => {
                let own = binding.keys.iter().copied();
                own.filter(|&key| !taken(binding.mode, key)).collect()
            }
        });
        Keymap { preset, keys: keys.collect() }
    }

    /// A preset with what the user has bound.
    ///
    /// # Errors
    ///
    /// A key that would do two things, or a part of the screen that could not be left.
    pub fn new(preset: Preset, bound: &[Bound]) -> Result<Keymap, String> {
        let mut map = Keymap::of(preset);
        for own in bound {
            if let Some(place) = BINDINGS.iter().position(|binding| binding.id == own.id) {
                map.keys[place].clone_from(&own.keys);
            }
        }
        for own in bound {
            map.check(own)?;
        }
        Ok(map)
    }

    /// True if no key of that action does anything else, and every mode can be left.
    fn check(&self, own: &Bound) -> Result<(), String> {
        let Some(mine) = BINDINGS.iter().position(|binding| binding.id == own.id) else {
            return Ok(());
        };
        let Bound { at, id, keys } = own;
        let mode = BINDINGS[mine].mode;
        for (place, &key) in keys.iter().enumerate() {
            if keys[..place].contains(&key) {
                return Err(format!("{at}: keys: {id}: {key} is there twice"));
            }
            let others = BINDINGS.iter().zip(&self.keys).enumerate();
            for (_, (binding, others)) in
                others.filter(|(other, (binding, _))| *other != mine && binding.mode == mode)
            {
                if let Some(&theirs) = others.iter().find(|&&theirs| clash(theirs, key)) {
                    let other = binding.id;
                    let how = if theirs == key { "is" } else { "begins as" };
                    let theirs = if theirs == key { String::new() } else { format!(" {theirs},") };
                    return Err(format!(
                        "{at}: keys: {id}: {key} {how}{theirs} a key of '{other}'; \
                         bind that to another one, too"
                    ));
                }
            }
        }
        let leaves = |action: Action| {
            use Action::*;
            matches!(action, Quit | Leave | MenuClose | CheckClose | LineDrop | HelpClose)
        };
        if keys.is_empty() && leaves(BINDINGS[mine].action) {
            return Err(format!("{at}: keys: {id}: needs a key: there is no other way out"));
        }
        Ok(())
    }

    /// The preset that it began with.
    #[must_use]
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// Every action of that mode with its keys.
    pub fn mode(&self, mode: Mode) -> impl Iterator<Item = (&'static Binding, &[Key])> + Clone {
        let all = BINDINGS.iter().zip(&self.keys);
        all.filter(move |(binding, _)| binding.mode == mode).map(|(b, keys)| (b, keys.as_slice()))
    }

    /// The keys of an action.
    #[must_use]
    pub fn keys(&self, action: Action) -> &[Key] {
        let place = BINDINGS.iter().position(|binding| binding.action == action);
        place.and_then(|place| self.keys.get(place)).map_or(&[], Vec::as_slice)
    }

    /// The digit of a page, if its digit opens it.
    #[must_use]
    pub fn digit(&self, page: Page) -> Option<char> {
        let digit = page.key();
        self.keys(page.action()).contains(&Key::char(digit)).then_some(digit)
    }

    /// The key that says best what opens something or ends it: a letter before a function key,
    /// which a terminal may keep for itself.
    #[must_use]
    pub fn letter(&self, action: Action) -> Option<Key> {
        let keys = self.keys(action);
        keys.iter().find(|key| matches!(key.code, Code::Char(_))).or(keys.first()).copied()
    }

    /// True if the key does something there, of that mode's own.
    #[must_use]
    pub fn has(&self, mode: Mode, key: Key) -> bool {
        self.mode(mode).any(|(_, keys)| keys.contains(&key))
    }

    /// What a key does there. A capital that nothing is bound to is tried as a small letter: Caps
    /// Lock.
    #[must_use]
    pub fn action(&self, mode: Mode, key: Key) -> Option<Action> {
        let bound = |key: Key| {
            let has = |(_, keys): &(&Binding, &[Key])| keys.contains(&key);
            let own = self.mode(mode).find(has);
            let own = own.or_else(|| self.mode(mode.base()?).find(has));
            own.map(|(binding, _)| binding.action)
        };
        bound(key).or_else(|| match key.code {
            Code::Char(capital) if capital.is_uppercase() && !mode.is_text() => {
                let mut small = capital.to_lowercase();
                let small = small.next().filter(|_| small.next().is_none())?;
                bound(Key { code: Code::Char(small), ..key })
            }
            _ => None,
        })
    }

    /// True if that key does nothing by itself and begins one of two letters, such as `gg`.
    #[must_use]
    pub fn is_prefix(&self, mode: Mode, key: Key) -> bool {
        let Key { code: Code::Char(c), ctrl: false, alt: false, .. } = key else { return false };
        let begins = |keys: &[Key]| {
            keys.iter().any(|key| matches!(key.code, Code::Pair(first, _) if first == c))
        };
        let here = self.mode(mode).any(|(_, keys)| begins(keys));
        let base = mode.base().is_some_and(|base| self.mode(base).any(|(_, keys)| begins(keys)));
        (here || base) && self.action(mode, key).is_none()
    }

    /// The `[keys]` table that amounts to this, every line after `before`. What is as in the preset
    /// is commented out if `all`, else left out.
    pub fn print(&self, before: &str, all: bool, text: &mut String) {
        let preset = Keymap::of(self.preset);
        let _ = writeln!(text, "{before}[keys]\n{before}preset = \"{}\"", self.preset.name());
        for ((binding, keys), usual) in BINDINGS.iter().zip(&self.keys).zip(&preset.keys) {
            if all || keys != usual {
                let list: toml_edit::Array = keys.iter().map(|key| word(*key)).collect();
                let _ = writeln!(text, "{before}\"{}\" = {list}", binding.id);
            }
        }
    }
}

/// The names of keys in so many cells, as many as fit; `0–9` for all digits.
#[must_use]
pub fn names(keys: &[Key], room: u16) -> Text {
    let mut names = Text::new();
    let digit = |key: &Key| matches!(key.code, Code::Char('0'..='9'));
    if keys.len() == 10 && keys.iter().all(digit) {
        return short!("0–9");
    }
    for key in keys {
        let gap = if names.is_empty() { "" } else { " " };
        let name = short!("{gap}{key}");
        if width(&names) + width(&name) > room {
            break;
        }
        names.push(&name);
    }
    names
}

/// True if one of them is the other, or only its beginning.
fn clash(a: Key, b: Key) -> bool {
    let begins = |a: Key, b: Key| match (a.code, b.code) {
        (Code::Char(c), Code::Pair(first, _)) => c == first && !a.ctrl && !a.alt,
        _ => false,
    };
    a == b || begins(a, b) || begins(b, a)
}

/// Names of keys in the config file; the first of a key is the one that is printed there.
const NAMES: [(&str, Code); 25] = [
    ("Enter", Code::Enter),
    ("Return", Code::Enter),
    ("Esc", Code::Esc),
    ("Escape", Code::Esc),
    ("Tab", Code::Tab),
    ("Backspace", Code::Backspace),
    ("Delete", Code::Delete),
    ("Del", Code::Delete),
    ("Insert", Code::Insert),
    ("Ins", Code::Insert),
    ("Up", Code::Up),
    ("↑", Code::Up),
    ("Down", Code::Down),
    ("↓", Code::Down),
    ("Left", Code::Left),
    ("←", Code::Left),
    ("Right", Code::Right),
    ("→", Code::Right),
    ("Home", Code::Home),
    ("End", Code::End),
    ("PgUp", Code::PageUp),
    ("PageUp", Code::PageUp),
    ("PgDn", Code::PageDown),
    ("PageDown", Code::PageDown),
    ("Space", Code::Char(' ')),
];

/// Understands the name of a key: `r`, `gg`, `Ctrl-r`, `Alt-1`, `Shift-Up`, `F5`, `Space`, `PgUp`.
///
/// # Errors
///
/// What would have been right.
pub fn key(text: &str) -> value::Parsed<Key> {
    let mut key = Key::of(Code::Esc);
    let mut rest = text;
    while let Some((modifier, after)) = rest.split_once('-').filter(|(_, after)| !after.is_empty())
    {
        match modifier.to_ascii_lowercase().as_str() {
            "ctrl" | "c" => key.ctrl = true,
            "alt" | "m" => key.alt = true,
            "shift" | "s" => key.shift = true,
            _ => break,
        }
        rest = after;
    }
    let mut letters = rest.chars();
    let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest));
    key.code = match (letters.next(), letters.next(), letters.next()) {
        (Some(c), None, _) if !c.is_control() && c != ' ' && named.is_none() => Code::Char(c),
        (Some('F' | 'f'), Some('0'..='9'), _) => {
            let number = rest[1..].parse().ok().filter(|number| (1..=12).contains(number));
            Code::F(number.ok_or_else(|| format!("'{text}' is no key; there are F1 to F12"))?)
        }
        (Some(_), Some(_), _) if named.is_some() => named.map_or(Code::Esc, |named| named.1),
        (Some(_), None, _) if named.is_some() => named.map_or(Code::Esc, |named| named.1),
        (Some(a), Some(b), None)
            if rest == text && a.is_ascii_graphic() && b.is_ascii_graphic() =>
        {
            Code::Pair(a, b)
        }
        _ => {
            // Of one or two letters any other is near.
            let near = value::nearest(rest, NAMES.map(|(name, _)| name));
            return Err(match near.filter(|_| rest.len() > 2) {
                Some(near) => format!("'{text}' is no key; there is '{near}'"),
                None => format!("'{text}' is no key; write r, Ctrl-r, Alt-1, F5, Space or PgUp"),
            });
        }
    };
    // What terminals send: Shift is in the character, Control has no case, and Shift-Tab is a key.
    match key.code {
        Code::Char(c) if key.ctrl => key.code = Code::Char(c.to_ascii_lowercase()),
        Code::Char(c) if key.shift => key.code = Code::Char(c.to_ascii_uppercase()),
        Code::Tab if key.shift => key.code = Code::BackTab,
        _ => return Ok(key),
    }
    key.shift = false;
    Ok(key)
}

/// The name of a key as [`key`] understands it, in letters that every keyboard has.
#[must_use]
pub fn word(key: Key) -> String {
    let shown = key.to_string();
    for (name, code) in NAMES {
        if code == key.code && !matches!(code, Code::Char(_)) {
            let mut text = String::new();
            for (on, modifier) in [(key.ctrl, "Ctrl-"), (key.alt, "Alt-"), (key.shift, "Shift-")] {
                text.push_str(if on { modifier } else { "" });
            }
            return text + name;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn bound(id: &str, keys: &[&str]) -> Bound {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        Bound::parse("config.toml:1".to_owned(), id, &keys).expect("valid")
    }

    #[test]
    fn no_key_does_two_things_in_any_preset() {
        for preset in Preset::ALL {
            let map = Keymap::of(preset);
            let mut bound: Vec<(Mode, Key, &str)> = Vec::new();
            for mode in Mode::ALL {
                for (binding, keys) in map.mode(mode) {
                    for &key in keys {
                        let other = bound.iter().find(|b| b.0 == mode && clash(b.1, key));
                        assert_eq!(other, None, "{preset:?}: {key} in {}", binding.id);
                        bound.push((mode, key, binding.id));
                        assert_eq!(map.action(mode, key), Some(binding.action), "{preset:?} {key}");
                    }
                }
            }
            let rows: HashSet<&str> =
                preset.rows().iter().map(|(action, _)| action.binding().id).collect();
            assert_eq!(rows.len(), preset.rows().len(), "{preset:?} has an action twice");
        }
    }

    #[test]
    fn every_mode_can_be_left_in_any_preset() {
        for preset in Preset::ALL {
            let map = Keymap::of(preset);
            for mode in Mode::ALL {
                assert!(map.action(mode, Key::ctrl('c')).is_some(), "{preset:?} {mode:?}");
                assert!(map.action(mode, Key::of(Code::Esc)).is_some(), "{preset:?} {mode:?}");
            }
        }
    }

    #[test]
    fn caps_lock_does_no_harm() {
        let map = Keymap::default();
        assert_eq!(map.action(Mode::Live, Key::char('Q')), Some(Action::Quit));
        assert_eq!(map.action(Mode::Live, Key::char('P')), Some(Action::SortCpu));
        assert_eq!(map.action(Mode::Live, Key::char('p')), Some(Action::Pause));
        assert_eq!(map.action(Mode::Live, Key::char('é')), None);
        assert_eq!(map.action(Mode::Line, Key::char('q')), None);
    }

    #[test]
    fn the_past_has_its_own_keys_and_those_of_the_table() {
        let map = Keymap::default();
        for (key, past) in [
            (Key::of(Code::Left), Action::Back),
            (Key::char(' '), Action::Play),
            (Key::char('p'), Action::Play),
            (Key::of(Code::Up), Action::Up),
            (Key::char('k'), Action::Signal),
            (Key::char('B'), Action::MarkNamed),
            (Key::char('['), Action::SpikeBack),
            (Key::f(7), Action::NiceLower),
        ] {
            assert_eq!(map.action(Mode::Rewind, key), Some(past), "{key}");
        }
    }

    #[test]
    fn fingers_find_their_keys() {
        let char = Key::char;
        let htop = [
            (Key::f(2), "setup"),
            (Key::f(3), "find"),
            (Key::f(4), "filter"),
            (Key::f(5), "table.tree"),
            (Key::f(6), "sort.menu"),
            (Key::f(7), "process.nice_lower"),
            (char(']'), "process.nice_lower"),
            (Key::f(8), "process.nice_higher"),
            (char('['), "process.nice_higher"),
            (char('i'), "process.io_priority"),
            (char('a'), "process.affinity"),
            (Key::f(9), "process.signal"),
            (Key::f(10), "quit"),
            (char('/'), "find"),
            (char('\\'), "filter"),
            (char('<'), "sort.menu"),
            (char('>'), "sort.menu"),
            (char('P'), "sort.cpu"),
            (char('M'), "sort.memory"),
            (char('T'), "sort.time"),
            (char('N'), "sort.pid"),
            (char('I'), "sort.invert"),
            (char('t'), "table.tree"),
            (char('w'), "process.details"),
            (char('Z'), "view.pause"),
            (char('^'), "scroll.start"),
            (Key::ctrl('a'), "scroll.start"),
            (char('$'), "scroll.end"),
            (Key::ctrl('e'), "scroll.end"),
            (Key::alt('k'), "move.up"),
            (Key::alt('j'), "move.down"),
            (Key::alt('h'), "scroll.left"),
            (Key::alt('l'), "scroll.right"),
            (char('e'), "process.environment"),
            (char('l'), "process.files"),
            (char('m'), "table.command"),
            (char('#'), "view.header"),
            (char('S'), "setup"),
            (char('h'), "help"),
            (char('K'), "table.kernel"),
            (char(' '), "process.tag"),
            (char('U'), "process.untag"),
            (char('F'), "process.follow"),
            (char('p'), "table.command"),
            (char('7'), "find.pid"),
            (char('u'), "table.users"),
            (char('H'), "table.threads"),
            (char('c'), "process.tag_branch"),
            (char('a'), "process.affinity"),
            (char('i'), "process.io_priority"),
            (Key::f(7), "process.nice_lower"),
            (Key::f(8), "process.nice_higher"),
            (Key { alt: true, ..char('4') }, "page.gpu"),
            (Key { alt: true, ..char('8') }, "page.events"),
            (Key { alt: true, ..char('7') }, "page.traffic"),
        ];
        let vim = [
            (char('j'), "move.down"),
            (char('k'), "move.up"),
            (char('h'), "scroll.left"),
            (char('G'), "move.end"),
            (Key::of(Code::Pair('g', 'g')), "move.home"),
            (char('x'), "process.signal"),
            (Key::of(Code::Pair('z', 'g')), "table.group"),
            (char('?'), "help"),
        ];
        let actop = [
            (char('q'), "quit"),
            (char('Q'), "quit"),
            (char(' '), "view.pause"),
            (char('p'), "view.processes"),
            (char('P'), "view.processes"),
            (char('s'), "sort.next"),
            (char('S'), "sort.next"),
            (char('g'), "view.glyphs"),
            (char('G'), "view.glyphs"),
            (char('l'), "view.layout"),
            (char('L'), "view.layout"),
            (char('c'), "view.cores"),
            (char('C'), "view.cores"),
            (char('t'), "view.theme"),
            (char('T'), "view.theme"),
            (char('/'), "filter"),
            (char('?'), "help"),
            (Key::of(Code::Esc), "close"),
        ];
        let btop = [
            (char('q'), "quit"),
            (char('h'), "help"),
            (char('o'), "setup"),
            (char('m'), "palette"),
            (char('f'), "filter"),
            (char('e'), "table.tree"),
            (char('r'), "sort.invert"),
            (Key::of(Code::Left), "sort.left"),
            (Key::of(Code::Right), "sort.right"),
            (char('t'), "process.signal"),
            (char('k'), "process.signal"),
            (char('s'), "process.signal"),
            (char('c'), "table.base"),
            (char('F'), "process.follow"),
            (char('+'), "interval.longer"),
            (char('-'), "interval.shorter"),
            (char('1'), "page.cpu"),
            (Key::of(Code::Enter), "process.details"),
            (Key::of(Code::Esc), "close"),
        ];
        for (preset, cases) in [
            (Preset::Htop, &htop[..]),
            (Preset::Vim, &vim),
            (Preset::Actop, &actop),
            (Preset::Btop, &btop),
        ] {
            let map = Keymap::of(preset);
            for &(key, id) in cases {
                // What is not there yet has no row to be bound to.
                if BINDINGS.iter().any(|binding| binding.id == id) {
                    let found = map.action(Mode::Live, key).map(|action| action.binding().id);
                    assert_eq!(found, Some(id), "{preset:?} {key}");
                }
            }
        }
    }

    /// A preset takes keys from actions that it does not mention: it has to give them others.
    #[test]
    fn every_page_and_what_is_done_to_processes_has_a_key_in_any_preset() {
        for preset in Preset::ALL {
            let map = Keymap::of(preset);
            for (binding, keys) in map.mode(Mode::Live) {
                let wanted = ["page.", "process."].iter().any(|part| binding.id.starts_with(part));
                let reached = !keys.is_empty() || !wanted;
                assert!(reached, "{preset:?} leaves {} without a key", binding.id);
            }
        }
    }

    #[test]
    fn two_letters_are_a_key_where_the_first_is_none() {
        let map = Keymap::of(Preset::Vim);
        assert!(map.is_prefix(Mode::Live, Key::char('g')));
        assert!(map.is_prefix(Mode::Rewind, Key::char('g')));
        assert!(!map.is_prefix(Mode::Live, Key::char('j')));
        assert!(!map.is_prefix(Mode::Line, Key::char('g')));
        assert!(!map.is_prefix(Mode::Live, Key::ctrl('g')));
        assert!(!Keymap::default().is_prefix(Mode::Live, Key::char('g')));
    }

    #[test]
    fn names_of_keys_are_understood_as_they_are_written() {
        for preset in Preset::ALL {
            for binding in BINDINGS {
                for &own in Keymap::of(preset).keys(binding.action) {
                    assert_eq!(key(&word(own)), Ok(own), "{}", word(own));
                    assert_eq!(key(&own.to_string()), Ok(own), "{own}");
                }
            }
        }
        let cases = [
            ("ctrl-R", Key::ctrl('r')),
            ("C-r", Key::ctrl('r')),
            ("Shift-a", Key::char('A')),
            ("-", Key::char('-')),
            ("Ctrl--", Key::ctrl('-')),
            ("space", Key::char(' ')),
            ("shift-tab", Key::of(Code::BackTab)),
            ("f12", Key::f(12)),
            ("f", Key::char('f')),
            ("ff", Key::of(Code::Pair('f', 'f'))),
            ("pagedown", Key::of(Code::PageDown)),
            ("é", Key::char('é')),
        ];
        for (text, wanted) in cases {
            assert_eq!(key(text), Ok(wanted), "{text}");
        }
        let wrong = [
            ("", "'' is no key; write r, Ctrl-r, Alt-1, F5, Space or PgUp"),
            ("PageUpp", "'PageUpp' is no key; there is 'PageUp'"),
            ("F13", "'F13' is no key; there are F1 to F12"),
            ("Ctrl-", "'Ctrl-' is no key; write r, Ctrl-r, Alt-1, F5, Space or PgUp"),
            ("Hyper-x", "'Hyper-x' is no key; write r, Ctrl-r, Alt-1, F5, Space or PgUp"),
            ("Ctrl-gg", "'Ctrl-gg' is no key; write r, Ctrl-r, Alt-1, F5, Space or PgUp"),
            ("\u{1b}", "'\u{1b}' is no key; write r, Ctrl-r, Alt-1, F5, Space or PgUp"),
        ];
        for (text, why) in wrong {
            assert_eq!(key(text).err().as_deref(), Some(why), "{text}");
        }
    }

    #[test]
    fn what_the_user_binds_stands_instead() {
        let own = [bound("view.rewind", &["x", "Ctrl-r"]), bound("sort.cpu", &[])];
        let map = Keymap::new(Preset::Default, &own).expect("no conflict");
        assert_eq!(map.action(Mode::Live, Key::char('x')), Some(Action::Rewind));
        assert_eq!(map.action(Mode::Live, Key::ctrl('r')), Some(Action::Rewind));
        assert_eq!(map.action(Mode::Live, Key::char('r')), None);
        assert_eq!(map.keys(Action::SortCpu), []);
        // Two that change places.
        let own = [bound("quit", &["p"]), bound("view.pause", &["q"])];
        assert!(Keymap::new(Preset::Default, &own).is_ok());
    }

    #[test]
    fn conflicts_are_told() {
        let cases: [(&[Bound], &str); 6] = [
            (
                &[bound("view.rewind", &["q"])],
                "config.toml:1: keys: view.rewind: q is a key of 'quit'; bind that to another \
                 one, too",
            ),
            (
                &[bound("view.rewind", &["x"]), bound("view.mark", &["x"])],
                "config.toml:1: keys: view.rewind: x is a key of 'view.mark'; bind that to \
                 another one, too",
            ),
            (
                &[bound("view.rewind", &["qq"])],
                "config.toml:1: keys: view.rewind: qq begins as q, a key of 'quit'; bind that \
                 to another one, too",
            ),
            (
                &[bound("view.rewind", &["x", "x"])],
                "config.toml:1: keys: view.rewind: x is there twice",
            ),
            (
                &[bound("quit", &[])],
                "config.toml:1: keys: quit: needs a key: there is no other way out",
            ),
            (
                &[bound("rewind.play", &["b"])],
                "config.toml:1: keys: rewind.play: b is a key of 'rewind.mark'; bind that to \
                 another one, too",
            ),
        ];
        for (own, why) in cases {
            assert_eq!(Keymap::new(Preset::Default, own).err().as_deref(), Some(why));
        }
        let parse = |id: &str, key: &str| Bound::parse(String::new(), id, &[key.to_owned()]);
        assert_eq!(
            parse("view.rewnd", "r").err().as_deref(),
            Some("no action is called 'view.rewnd'; there is 'view.rewind'")
        );
        assert_eq!(
            parse("line.clear", "x").err().as_deref(),
            Some("line.clear: 'x' is text there; write Ctrl-x or Alt-x")
        );
    }
}
