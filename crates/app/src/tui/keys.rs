//! The one table of actions: what each is called, which keys do it and where.
//!
//! The help screen, the key line, the man page and the README are made from it. Which keys are in
//! force is in [`super::keymap`]: a preset or the user may have given an action others.

use super::input::{Code, Key};

/// Which part of the screen keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The table of processes, at home.
    Live,
    /// The same in the past; what is not bound there is bound as live.
    Rewind,
    /// The same with the details of a process open.
    Pane,
    /// A list to choose from.
    Menu,
    /// A list to check off.
    Checks,
    /// A line to type into.
    Line,
    /// The help screen.
    Help,
    /// The columns of a set; what is not bound there is bound as in a menu.
    Columns,
    /// The setup; what is not bound there is bound as in a menu.
    Setup,
    /// The palette; what is not bound there is bound as in a line.
    Palette,
}

impl Mode {
    /// Every one of them.
    pub const ALL: [Mode; 10] = [
        Mode::Live,
        Mode::Rewind,
        Mode::Pane,
        Mode::Columns,
        Mode::Setup,
        Mode::Menu,
        Mode::Checks,
        Mode::Line,
        Mode::Palette,
        Mode::Help,
    ];

    /// True where letters are text.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Mode::Line | Mode::Palette)
    }

    /// What it is, as a heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Mode::Live => "The table and the pages",
            Mode::Rewind => "Looking back",
            Mode::Pane => "Details of a process",
            Mode::Columns => "Columns of a set",
            Mode::Menu => "Lists",
            Mode::Checks => "Lists to check off",
            Mode::Line => "Lines of text",
            Mode::Setup => "The setup",
            Mode::Palette => "The palette",
            Mode::Help => "Help",
        }
    }

    /// The mode whose keys hold where its own say nothing.
    #[must_use]
    pub fn base(self) -> Option<Mode> {
        match self {
            Mode::Rewind | Mode::Pane => Some(Mode::Live),
            Mode::Columns | Mode::Setup => Some(Mode::Menu),
            Mode::Palette => Some(Mode::Line),
            _ => None,
        }
    }
}

macro_rules! actions {
    ($($mode:ident { $(
        $action:ident $id:literal $keys:tt $help:literal $(=> $short:literal)?,
    )* })*) => {
        /// What a key can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action { $($(#[doc = $help] $action,)*)* }

        /// Every action with its keys.
        pub static BINDINGS: &[Binding] = &[$($(Binding {
            action: Action::$action,
            id: $id,
            mode: Mode::$mode,
            keys: &$keys,
            help: $help,
            short: actions!(@short $($short)?),
        },)*)*];
    };
    (@short) => { None };
    (@short $short:literal) => { Some($short) };
}

/// One action.
#[derive(Debug)]
pub struct Binding {
    /// What is done.
    pub action: Action,
    /// Its name in the configuration.
    pub id: &'static str,
    /// Where.
    pub mode: Mode,
    /// The keys that do it, unless a preset or the user says otherwise.
    pub keys: &'static [Key],
    /// A sentence without a full stop.
    pub help: &'static str,
    /// A word for the key line.
    pub short: Option<&'static str>,
}

use Code::{
    BackTab, Backspace, Delete, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Tab, Up,
};

pub(super) const fn c(c: char) -> Key {
    Key::char(c)
}
pub(super) const fn f(number: u8) -> Key {
    Key::f(number)
}
pub(super) const fn k(code: Code) -> Key {
    Key::of(code)
}

actions! {
    Live {
        Help "help" [f(1), c('h'), c('?')] "Show this help" => "Help",
        Setup "setup" [f(2), c('S'), c('C')] "Set up colours, glyphs, keys and all that" => "Setup",
        Find "find" [f(3)] "Find a process by name, command or number" => "Find",
        FindNext "find.next" [c('n')] "Go to the next match",
        FindBack "find.back" [Key::shift(Code::F(3))] "Go to the match before",
        FindPid "find.pid" [] "Find a process by its number, which the key begins",
        Filter "filter" [f(4), c('/'), c('\\')] "Show only the processes that match" => "Filter",
        Tree "table.tree" [f(5), c('t')] "Show processes below their parents, or as a list" => "Tree",
        SortMenu "sort.menu" [f(6)] "Choose the column to sort by" => "Sort",
        SortLeft "sort.left" [c('<')] "Sort by the column on the left",
        SortRight "sort.right" [c('>')] "Sort by the column on the right",
        SortCpu "sort.cpu" [c('P')] "Sort by CPU",
        SortMemory "sort.memory" [c('M')] "Sort by memory",
        SortTime "sort.time" [c('T')] "Sort by CPU time since the start",
        SortPid "sort.pid" [c('N')] "Sort by process number",
        SortNext "sort.next" [c('s')] "Sort by CPU, GPU, power, memory, reads, writes, number in turn, of those shown",
        SortInvert "sort.invert" [c('I')] "Turn the order round",
        NiceLower "process.nice_lower" [f(7), c(']')] "Nice value one lower: the process, or those tagged, go first" => "Nice-",
        NiceHigher "process.nice_higher" [f(8), c('[')] "Nice value one higher: they give way" => "Nice+",
        IoPriority "process.io_priority" [c('i')] "Choose the priority of their reads and writes",
        Affinity "process.affinity" [c('a')] "Choose the CPUs that they may run on",
        Signal "process.signal" [f(9), c('k')] "Send a signal to the process, or to those tagged" => "Kill",
        Quit "quit" [f(10), c('q'), Key::ctrl('c')] "Quit" => "Quit",
        Details "process.details" [k(Enter), c('w')] "Show everything about the process; open a group" => "Details",
        Environment "process.environment" [c('e')] "Show the environment of the process",
        Files "process.files" [c('l')] "Show what the process has open",
        Close "close" [k(Esc)] "Close what is on top, then drop the filter",
        Tag "process.tag" [c(' ')] "Tag the process and go on",
        TagBranch "process.tag_branch" [c('c')] "Tag the process and all its descendants, and go on",
        Untag "process.untag" [c('U')] "Untag all",
        Follow "process.follow" [c('F')] "Keep the cursor on this process",
        Hold "table.hold" [c('f')] "Hold the order of the rows",
        Kernel "table.kernel" [c('K')] "Show or hide threads of the kernel",
        Command "table.command" [c('m')] "Show commands in full, or names alone",
        Base "table.base" [c('%')] "Count CPU% of one core, or of the whole machine",
        SetNext "columns.next" [k(Tab)] "Next set of columns",
        SetBack "columns.back" [k(BackTab)] "Previous set of columns",
        Users "table.users" [c('u')] "Users and what they use; Enter shows the processes of one",
        Group "table.group" [c('G')] "Group processes by name, user, container, control group in turn",
        Threads "table.threads" [c('H')] "Show or hide threads",
        Columns "columns.choose" [c('o')] "Choose the columns of the set and their order",
        More "interval.longer" [c('+')] "List: longer between samples. Tree, groups: unfold",
        Less "interval.shorter" [c('-')] "List: shorter between samples. Tree, groups: fold",
        FoldAll "tree.fold_all" [c('*')] "Fold or unfold the whole tree, or all groups",
        PageOverview "page.overview" [c('0')] "Overview: everything in brief, above the processes; again hides or shows these",
        PageCpu "page.cpu" [c('1')] "CPU: every core, idle states, interrupts; the same key leads back",
        PageProcesses "page.processes" [c('2')] "Processes on the whole screen",
        PageGroups "page.groups" [c('3')] "Control groups and containers; Enter shows the processes of one",
        PageGpu "page.gpu" [c('4')] "Graphics processors, who is on them, and when their memory is full",
        PagePower "page.power" [c('5')] "Power, temperatures, fans, batteries",
        PageMemory "page.memory" [c('6')] "Memory, swap, pressure, and who uses most",
        PageTraffic "page.traffic" [c('7')] "Disks, file systems, network",
        PageEvents "page.events" [c('8'), c('A')] "Events: alerts, spikes, bookmarks, gaps; Enter goes to the moment",
        PageOwn "page.retop" [c('9')] "What retop reads, what it cannot, why, and what it costs itself",
        Record "view.record" [c('R')] "Record to disk, the samples in memory first; again to end",
        Rewind "view.rewind" [c('r')] "Look back: the whole screen as it was" => "Rewind",
        Still "view.snapshot" [c('W')] "Write this screen and this moment to files, as text and as JSON",
        Mark "view.mark" [c('b')] "Set or drop a bookmark at this moment",
        MarkNamed "view.mark_named" [c('B')] "Set a bookmark with a text",
        Pause "view.pause" [c('p'), c('Z')] "Stand still; sampling goes on" => "Pause",
        CoreView "view.cores" [c('v')] "Cores: by size, gauges, history, both, heat",
        Zoom "view.zoom" [c('z')] "More time on the charts: 4, 10, 30, 120, 2 samples a braille cell in turn",
        Layout "view.layout" [c('L')] "Layout: by size, stacked, table only",
        Glyphs "view.glyphs" [c('g')] "Drawing characters: braille, block, ascii",
        Theme "view.theme" [] "Colours: the next theme",
        Processes "view.processes" [] "Hide or show the table below the boxes of the overview",
        Header "view.header" [c('#')] "Hide or show the header",
        Up "move.up" [k(Up), Key::alt('k')] "Up",
        Down "move.down" [k(Down), Key::alt('j')] "Down",
        ScrollUp "scroll.up" [Key::shift(Code::Up)] "Scroll up, the cursor stays",
        ScrollDown "scroll.down" [Key::shift(Code::Down)] "Scroll down, the cursor stays",
        PageUp "move.page_up" [k(PageUp)] "A screen up",
        PageDown "move.page_down" [k(PageDown)] "A screen down",
        Home "move.home" [k(Home)] "To the first row",
        End "move.end" [k(End)] "To the last row",
        Left "scroll.left" [k(Left), Key::alt('h')] "Scroll commands towards their beginning",
        Right "scroll.right" [k(Right), Key::alt('l')] "Scroll commands towards their end",
        ScrollStart "scroll.start" [Key::ctrl('a'), c('^')] "Scroll commands to their beginning",
        ScrollEnd "scroll.end" [Key::ctrl('e'), c('$')] "Scroll to the end of the command under the cursor",
        Palette "palette" [c(':'), Key::ctrl('p')] "Every action by its name, and commands" => "Command",
        Redraw "redraw" [Key::ctrl('l')] "Draw the screen anew",
        Suspend "suspend" [Key::ctrl('z')] "Stop the program; `fg` goes on",
    }
    Rewind {
        Back "rewind.back" [k(Left)] "A sample back" => "Back",
        Forward "rewind.forward" [k(Right)] "A sample forward" => "On",
        SpikeBack "rewind.spike_back" [c('[')] "To the spike of CPU before, if there is none to any, and to who caused it" => "Spike",
        SpikeNext "rewind.spike_next" [c(']')] "To the next spike of CPU, if there is none to any" => "Next",
        BackTen "rewind.back_ten" [Key::shift(Left), c(',')] "Ten samples back",
        ForwardTen "rewind.forward_ten" [Key::shift(Right), c('.')] "Ten samples forward",
        BackScreen "rewind.back_screen" [k(PageUp)] "A screen of time back",
        ForwardScreen "rewind.forward_screen" [k(PageDown)] "A screen of time forward",
        EventBack "rewind.event_back" [c('{')] "To whatever happened before: alerts, bookmarks, spikes of everything",
        EventNext "rewind.event_next" [c('}')] "To whatever happened next",
        MarkHere "rewind.mark" [c('b')] "Set or drop a bookmark here" => "Mark",
        Diff "rewind.diff" [c('d')] "Compare with now, with the nearest bookmark, not at all" => "Diff",
        GoTo "rewind.goto" [c('@')] "Go to a moment: 14:01, -5m" => "Go to",
        Play "rewind.play" [c(' '), c('p'), c('Z')] "Play, or stop" => "Play",
        Slower "rewind.slower" [c('<')] "Play at half the speed",
        Faster "rewind.faster" [c('>')] "Play at twice the speed",
        ZoomIn "rewind.zoom_in" [c('+')] "Less time on the screen" => "Zoom",
        ZoomOut "rewind.zoom_out" [c('-')] "More time on the screen",
        Oldest "rewind.oldest" [k(Home)] "To the oldest sample" => "Oldest",
        Leave "rewind.leave" [k(Esc), k(End), c('r')] "Back to what is now" => "Live",
    }
    Columns {
        ColumnShow "columns.show" [c(' ')] "Show or hide the column" => "Show/hide",
        ColumnLeft "columns.left" [c('<'), Key::shift(Up), f(7)] "Move it to the left" => "Left",
        ColumnRight "columns.right" [c('>'), Key::shift(Down), f(8)] "Move it to the right" => "Right",
        ColumnSave "columns.save" [c('s')] "Take them and keep them in config.toml" => "Save",
    }
    Pane {
        DetailsNext "details.next" [k(Tab), k(Right)] "Next tab: Stats, Threads, Env, Files, Limits, Maps, Cgroup" => "Tabs",
        DetailsBack "details.back" [k(BackTab), k(Left)] "Previous tab",
        DetailsPageDown "details.page_down" [k(PageDown)] "A screen down" => "Scroll",
        DetailsPageUp "details.page_up" [k(PageUp)] "A screen up",
        DetailsDown "details.down" [Key::shift(Code::Down)] "A line down",
        DetailsUp "details.up" [Key::shift(Code::Up)] "A line up",
        DetailsHome "details.home" [k(Home)] "To the beginning",
        DetailsEnd "details.end" [k(End)] "To the end",
        Reveal "details.reveal" [c('x')] "Show or hide the values of the environment",
    }
    Menu {
        MenuUp "menu.up" [k(Up), c('k')] "Up" => "Up",
        MenuDown "menu.down" [k(Down), c('j')] "Down" => "Down",
        MenuPageUp "menu.page_up" [k(PageUp), k(Home)] "To the first",
        MenuPageDown "menu.page_down" [k(PageDown), k(End)] "To the last",
        MenuAccept "menu.accept" [k(Enter)] "Take it" => "Take",
        MenuClose "menu.close" [k(Esc), c('q'), f(10), Key::ctrl('c')] "Leave without a choice" => "Leave",
    }
    Checks {
        CheckToggle "checks.toggle" [c(' ')] "Check it, or take the check away" => "Check",
        CheckAll "checks.all" [c('a')] "Check all; if all are, this one alone" => "All",
        CheckUp "checks.up" [k(Up), c('k')] "Up",
        CheckDown "checks.down" [k(Down), c('j')] "Down",
        CheckLeft "checks.left" [k(Left), c('h')] "Left",
        CheckRight "checks.right" [k(Right), c('l')] "Right",
        CheckPageUp "checks.page_up" [k(PageUp), k(Home)] "To the first",
        CheckPageDown "checks.page_down" [k(PageDown), k(End)] "To the last",
        CheckAccept "checks.accept" [k(Enter)] "Do as it is checked" => "Take",
        CheckClose "checks.close" [k(Esc), c('q'), f(10), Key::ctrl('c')] "Leave everything as it was" => "Leave",
    }
    Line {
        LineAccept "line.accept" [k(Enter)] "Keep it" => "Keep",
        LineDrop "line.drop" [k(Esc), f(10), Key::ctrl('c')] "Drop it" => "Drop",
        LineBackspace "line.backspace" [k(Backspace)] "Delete the character before",
        LineDelete "line.delete" [k(Delete)] "Delete the character under the cursor",
        LineWord "line.word" [Key::ctrl('w')] "Delete the word before",
        LineClear "line.clear" [Key::ctrl('u')] "Delete everything" => "Clear",
        LineLeft "line.left" [k(Left)] "Left",
        LineRight "line.right" [k(Right)] "Right",
        LineHome "line.home" [k(Home), Key::ctrl('a')] "To the beginning",
        LineEnd "line.end" [k(End), Key::ctrl('e')] "To the end",
        LineNext "line.next" [f(3), k(Down)] "Next match, or the filter after" => "Next",
        LineBack "line.back" [Key::shift(Code::F(3)), k(Up)] "Previous match, or the filter before",
        LineComplete "line.complete" [k(Tab)] "Complete the name of a field or a value" => "Complete",
    }
    Setup {
        SetupTab "setup.tab" [k(Tab)] "The next tab" => "Tab",
        SetupTabBack "setup.tab_back" [k(BackTab)] "The tab before",
        SetupOn "setup.on" [k(Right), c(' '), c('l')] "The next value; it is tried at once" => "Change",
        SetupBack "setup.back" [k(Left), c('h')] "The value before",
        SetupUsual "setup.usual" [k(Delete), k(Backspace)] "The value without any setting" => "Default",
        SetupSave "setup.save" [c('s'), f(2)] "Keep what was changed in config.toml" => "Save",
    }
    Palette {
        PaletteUp "palette.up" [k(Up), Key::shift(Code::F(3))] "Up; from the first line on, what was done before" => "Up",
        PaletteDown "palette.down" [k(Down), f(3)] "Down" => "Down",
        PaletteComplete "palette.complete" [k(Tab)] "Complete the word" => "Complete",
    }
    Help {
        HelpUp "help.up" [k(Up), c('k')] "Up",
        HelpDown "help.down" [k(Down), c('j')] "Down",
        HelpPageUp "help.page_up" [k(PageUp)] "A screen up" => "Back",
        HelpPageDown "help.page_down" [k(PageDown), c(' ')] "A screen down" => "On",
        HelpHome "help.home" [k(Home)] "To the beginning",
        HelpEnd "help.end" [k(End)] "To the end",
        HelpFind "help.find" [c('/')] "Search the help" => "Search",
        HelpNext "help.next" [c('n'), f(3)] "To the next match" => "Next",
        HelpBack "help.previous" [c('N'), Key::shift(Code::F(3))] "To the match before",
        HelpClose "help.close" [k(Esc), k(Enter), c('q'), c('h'), c('?'), f(1), f(10), Key::ctrl('c')]
            "Close the help" => "Close",
    }
}

impl Action {
    /// Its row in the table.
    #[must_use]
    pub fn binding(self) -> &'static Binding {
        // Actions and rows are made of the same lines.
        &BINDINGS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_does_two_things_and_no_id_is_used_twice() {
        let mut ids = HashSet::new();
        let mut bound = HashSet::new();
        for (place, binding) in BINDINGS.iter().enumerate() {
            assert!(ids.insert(binding.id), "{} twice", binding.id);
            assert!(!binding.help.is_empty(), "{}", binding.id);
            assert_eq!(binding.action as usize, place);
            for &key in binding.keys {
                assert!(bound.insert((binding.mode as u8, key)), "{key} twice, in {}", binding.id);
            }
        }
    }
}
