//! Keys for fingers that know another program.

use super::input::{Code, Key};
use super::keys::Action::{self, *};
use super::keys::{c, f, k};

/// Whose keys are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// retop's own, as in the table of actions.
    #[default]
    Default,
    /// htop's: `/` finds, digits find a process by its number, pages are on Alt with a digit.
    Htop,
    /// actop's, since its version 1.9.
    Actop,
    /// vi's: `hjkl`, `gg`, `G`.
    Vim,
    /// btop's: the arrows choose the column to sort by, `f` filters, `e` is the tree.
    Btop,
}

impl Preset {
    /// Every one of them.
    pub const ALL: [Preset; 5] =
        [Preset::Default, Preset::Htop, Preset::Actop, Preset::Vim, Preset::Btop];
    /// Their names.
    pub const NAMES: &'static [&'static str] = &["default", "htop", "actop", "vim", "btop"];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Preset::NAMES[self as usize]
    }

    /// What differs from the table of actions. An action has these keys and no others; one that is
    /// not here loses the keys that are given away here.
    #[must_use]
    pub fn rows(self) -> &'static [(Action, &'static [Key])] {
        match self {
            Preset::Default => &[],
            Preset::Htop => HTOP,
            Preset::Actop => ACTOP,
            Preset::Vim => VIM,
            Preset::Btop => BTOP,
        }
    }
}

const fn alt(c: char) -> Key {
    Key::alt(c)
}
const fn pair(first: char, second: char) -> Key {
    Key::of(Code::Pair(first, second))
}

/// Where htop 3.5 has several keys for one thing, all of them. Its `s` and `l` run other programs,
/// which retop does not.
const HTOP: &[(Action, &[Key])] = &[
    (Find, &[f(3), c('/')]),
    (Filter, &[f(4), c('\\')]),
    (SortMenu, &[f(6), c('<'), c('>'), c(','), c('.')]),
    (SortNext, &[]),
    (Command, &[c('p'), c('m')]),
    (Pause, &[c('Z')]),
    (FindPid, &[c('0'), c('1'), c('2'), c('3'), c('4'), c('5'), c('6'), c('7'), c('8'), c('9')]),
    (PageOverview, &[alt('0')]),
    (PageCpu, &[alt('1')]),
    (PageProcesses, &[alt('2')]),
    (PageGroups, &[alt('3')]),
    (PageGpu, &[alt('4')]),
    (PagePower, &[alt('5')]),
    (PageMemory, &[alt('6')]),
    (PageTraffic, &[alt('7')]),
    (PageEvents, &[alt('8'), c('A')]),
    (PageOwn, &[alt('9')]),
];

/// actop's keys are the same as capitals. What they take from other actions is with Alt.
const ACTOP: &[(Action, &[Key])] = &[
    (Quit, &[f(10), c('q'), c('Q'), Key::ctrl('c')]),
    (Pause, &[c(' '), c('Z')]),
    (Processes, &[c('p'), c('P')]),
    (SortNext, &[c('s'), c('S')]),
    (Glyphs, &[c('g'), c('G')]),
    (Layout, &[c('l'), c('L')]),
    (CoreView, &[c('c'), c('C')]),
    (Theme, &[c('t'), c('T')]),
    (Tag, &[k(Code::Insert)]),
    (Files, &[alt('l')]),
    (TagBranch, &[alt('c')]),
    (Group, &[alt('g')]),
    (SortCpu, &[alt('p')]),
    (SortTime, &[alt('t')]),
];

const VIM: &[(Action, &[Key])] = &[
    (Up, &[k(Code::Up), c('k')]),
    (Down, &[k(Code::Down), c('j')]),
    (Left, &[k(Code::Left), c('h')]),
    (Right, &[k(Code::Right), c('l')]),
    (Home, &[k(Code::Home), pair('g', 'g')]),
    (End, &[k(Code::End), c('G')]),
    (PageUp, &[k(Code::PageUp), Key::ctrl('u'), Key::ctrl('b')]),
    (PageDown, &[k(Code::PageDown), Key::ctrl('d'), Key::ctrl('f')]),
    (Back, &[k(Code::Left), c('h')]),
    (Forward, &[k(Code::Right), c('l')]),
    (Signal, &[f(9), c('x')]),
    (Help, &[f(1), c('?')]),
    (Glyphs, &[pair('z', 'y')]),
    (Group, &[pair('z', 'g')]),
    (Files, &[pair('z', 'f')]),
    (HelpPageUp, &[k(Code::PageUp), Key::ctrl('u'), Key::ctrl('b')]),
    (HelpPageDown, &[k(Code::PageDown), c(' '), Key::ctrl('d'), Key::ctrl('f')]),
    (HelpHome, &[k(Code::Home), pair('g', 'g')]),
    (HelpEnd, &[k(Code::End), c('G')]),
];

/// Of btop 1.4 what has its like here. Its boxes are pages, under the digits that their titles show;
/// what its letters take from other actions is with Alt.
const BTOP: &[(Action, &[Key])] = &[
    (Palette, &[c(':'), c('m'), Key::ctrl('p')]),
    (Setup, &[f(2), c('o')]),
    (Columns, &[alt('o')]),
    (Filter, &[f(4), c('f'), c('/')]),
    (Hold, &[alt('f')]),
    (Tree, &[f(5), c('e')]),
    (Environment, &[alt('e')]),
    (SortLeft, &[k(Code::Left), c('<')]),
    (SortRight, &[k(Code::Right), c('>')]),
    (SortInvert, &[c('r'), c('I')]),
    (SortNext, &[alt('s')]),
    (Rewind, &[c('w')]),
    (Leave, &[k(Code::Esc), k(Code::End), c('w')]),
    (Details, &[k(Code::Enter)]),
    (Signal, &[f(9), c('k'), c('t'), c('s')]),
    (Base, &[c('c'), c('%')]),
    (TagBranch, &[alt('c')]),
    (Layout, &[c('p'), c('L')]),
    (Pause, &[c('Z')]),
    (Command, &[alt('m')]),
];
