//! The setup: the options of the screen with their help, tried at once, kept when asked.
//!
//! Everything in it comes from the table of options. What is changed goes the same way as at the
//! start of the program.

use std::path::Path;

use toml_edit::Value;

use super::app::{App, Effect, Message};
use super::dialog::Overlay;
use super::edit::Editor;
use super::keys::Action;
use crate::config::{Origin, Resolved};
use crate::environment::Environment;
use crate::options::{Group, OPTIONS, Opt, Place, Scope};
use crate::{config_write, value};

/// How the screen looks with those settings on that terminal.
pub type Look = fn(&Resolved, &Environment) -> Result<super::Options, String>;

/// What the program was started with.
#[derive(Clone, Debug)]
pub struct Given {
    /// What becomes of the settings.
    pub look: Look,
    /// The settings, and where they come from.
    pub resolved: Resolved,
    /// What the terminal and the folders are.
    pub environment: Environment,
}

/// The groups of options that have a tab.
pub const TABS: [Group; 3] = [Group::Screen, Group::Watch, Group::Alert];

/// Options that are looked at once, when the program starts, or what depends on them is.
const AT_THE_START: [&str; 4] = ["history", "subsamples", "accessible", "filter"];

/// The setup while it is open.
#[derive(Debug)]
pub struct Setup {
    /// The tab on the screen.
    pub tab: usize,
    /// The line under the cursor.
    pub at: usize,
    /// The value that is being typed.
    pub typing: Option<Editor>,
    /// What is wrong with it.
    pub wrong: Option<String>,
    /// As it was before.
    before: Given,
    /// As it is now.
    given: Given,
}

impl Setup {
    fn new(given: Given) -> Setup {
        Setup { tab: 0, at: 0, typing: None, wrong: None, before: given.clone(), given }
    }

    /// The options of the tab.
    pub fn options(&self) -> impl Iterator<Item = &'static Opt> + use<> {
        Setup::of(TABS[self.tab.min(TABS.len() - 1)])
    }

    /// Options of the longest tab.
    #[must_use]
    pub fn longest(&self) -> usize {
        TABS.into_iter().map(|group| Setup::of(group).count()).max().unwrap_or(0)
    }

    /// The options of a group. Of two that are each other's opposite one is enough here.
    fn of(group: Group) -> impl Iterator<Item = &'static Opt> {
        OPTIONS.iter().filter(move |option| {
            option.group == group
                && option.place == Place::Config
                && (option.scope == Scope::All || option.scope.is_main())
                && option
                    .long
                    .strip_prefix("no-")
                    .is_none_or(|name| OPTIONS.iter().all(|other| other.long != name))
        })
    }

    /// The one under the cursor.
    #[must_use]
    pub fn option(&self) -> Option<&'static Opt> {
        self.options().nth(self.at)
    }

    /// The value of an option as it would be written; nothing if that is left open.
    #[must_use]
    pub fn text(&self, option: &Opt) -> &str {
        text(&self.given.resolved, option)
    }

    /// True if it is not as it was when the setup was opened.
    #[must_use]
    pub fn is_changed(&self, option: &Opt) -> bool {
        self.text(option) != text(&self.before.resolved, option)
    }

    /// What there is to know of the value: who else has set it, and when a change is felt.
    #[must_use]
    pub fn note(&self, option: &Opt) -> &'static str {
        match self.before.resolved.origin(option.long) {
            Origin::Flag => "a flag has set it for now, and a flag wins over the file",
            Origin::Variable => "a RETOP_ variable has set it, and that wins over the file",
            _ if is_at_the_start(option) => "felt from the next start on",
            _ => "",
        }
    }
}

/// The switch that says the opposite.
fn opposite(option: &Opt) -> Option<&'static Opt> {
    OPTIONS.iter().find(|other| other.long.strip_prefix("no-") == Some(option.long))
}

/// What an option is set to, be it by its opposite.
fn text<'a>(resolved: &'a Resolved, option: &Opt) -> &'a str {
    let is_on = |text: &str| !text.is_empty() && value::switch(text) == Ok(true);
    match opposite(option) {
        Some(other) if is_on(resolved.text(other.long)) => "false",
        _ => resolved.text(option.long),
    }
}

/// Takes a value that is another one than before.
fn take<T: PartialEq>(own: &mut T, before: T, now: T) {
    if before != now {
        *own = now;
    }
}

fn is_at_the_start(option: &Opt) -> bool {
    option.group == Group::Alert || AT_THE_START.contains(&option.long)
}

impl App {
    /// Opens the setup.
    pub(super) fn open_setup(&mut self) {
        match &self.given {
            Some(given) => self.overlay = Overlay::Setup(Box::new(Setup::new((**given).clone()))),
            None => self.say("there is nothing to set up here".to_owned()),
        }
    }

    /// Does what a key of the setup means.
    pub(super) fn set_up(&mut self, action: Action) -> Effect {
        let Overlay::Setup(setup) = &mut self.overlay else { return Effect::Draw };
        match action {
            Action::SetupTab | Action::SetupTabBack => {
                let by = if action == Action::SetupTab { 1 } else { TABS.len() - 1 };
                (setup.tab, setup.at) = ((setup.tab + by) % TABS.len(), 0);
                setup.wrong = None;
                Effect::Draw
            }
            Action::SetupOn => self.turn_value(1),
            Action::SetupBack => self.turn_value(-1),
            Action::SetupUsual => match setup.option() {
                Some(option) => self.put_value(option, option.default),
                None => Effect::Draw,
            },
            Action::SetupSave => self.keep_setup(),
            _ => self.type_value(),
        }
    }

    /// Enter: the next value, or a line to type one into.
    fn type_value(&mut self) -> Effect {
        let Overlay::Setup(setup) = &mut self.overlay else { return Effect::Draw };
        match setup.option() {
            Some(option) if option.is_switch() || !option.choices.is_empty() => self.turn_value(1),
            Some(option) => {
                setup.typing = Some(Editor::new(setup.text(option)));
                Effect::Draw
            }
            None => Effect::Draw,
        }
    }

    /// The line is whole, or dropped.
    pub(super) fn end_typing(&mut self, accept: bool) -> Effect {
        let Overlay::Setup(setup) = &mut self.overlay else { return Effect::Draw };
        let (typed, option) = (setup.typing.take(), setup.option());
        setup.wrong = None;
        match (typed, option) {
            (Some(typed), Some(option)) if accept => {
                let text = typed.text().trim().to_owned();
                let effect = self.put_value(option, &text);
                if let Overlay::Setup(setup) = &mut self.overlay
                    && setup.wrong.is_some()
                {
                    setup.typing = Some(typed);
                }
                effect
            }
            _ => Effect::Draw,
        }
    }

    /// The value before or after, where there are few.
    fn turn_value(&mut self, by: isize) -> Effect {
        let Overlay::Setup(setup) = &self.overlay else { return Effect::Draw };
        let Some(option) = setup.option() else { return Effect::Draw };
        let text = setup.text(option);
        if option.is_switch() {
            let on = value::switch(text).unwrap_or(false);
            return self.put_value(option, if on { "false" } else { "true" });
        }
        let choices: Vec<String> = match option.long {
            "theme" => self.themes.names().map(str::to_owned).collect(),
            _ => option.choices.iter().map(|&choice| choice.to_owned()).collect(),
        };
        let now = if text.is_empty() && option.long == "theme" { &self.theme.name } else { text };
        let count = choices.len() as isize;
        if count == 0 {
            return self.type_value();
        }
        let at = choices.iter().position(|choice| choice == now).map_or(0, |at| at as isize + by);
        let choice = choices[at.rem_euclid(count) as usize].clone();
        self.put_value(option, &choice)
    }

    /// Tries a value.
    fn put_value(&mut self, option: &'static Opt, text: &str) -> Effect {
        let Overlay::Setup(setup) = &mut self.overlay else { return Effect::Draw };
        let mut given = setup.given.clone();
        if let Some(other) = opposite(option) {
            given.resolved.unset(other);
        }
        let taken = if text.is_empty() && option.default.is_empty() {
            given.resolved.unset(option);
            Ok(())
        } else {
            given.resolved.set(option, text, Origin::File)
        };
        let looked = taken.and_then(|()| (given.look)(&given.resolved, &given.environment));
        match looked {
            Ok(options) => {
                let before = std::mem::replace(&mut setup.given, given);
                setup.wrong = None;
                self.adopt(&before, &options)
            }
            Err(why) => {
                setup.wrong = Some(why);
                Effect::Draw
            }
        }
    }

    /// Looks as those options say where they say another thing than those before: what keys have
    /// changed on the screen meanwhile stays.
    fn adopt(&mut self, before: &Given, options: &super::Options) -> Effect {
        let palette = |given: &Given| given.resolved.text("palette").to_owned();
        let tinted = options.given.as_deref().map(palette) != Some(palette(before));
        self.themes.clone_from(&options.themes);
        self.rules.clone_from(&options.rules);
        // What was in force before was made of valid settings.
        let Ok(before) = (before.look)(&before.resolved, &before.environment) else {
            return Effect::Draw;
        };
        if tinted || (&before.theme, before.depth) != (&options.theme, options.depth) {
            let rewound = self.theme.rewound;
            self.depth = options.depth;
            if let Ok(theme) = options.themes.theme(&options.theme, options.depth) {
                self.theme = theme;
                self.theme.rewound = rewound;
            }
        }
        take(&mut self.glyphs, before.glyphs, options.glyphs);
        take(&mut self.core_view, before.core_view, options.core_view);
        take(&mut self.choice, before.layout, options.layout);
        take(&mut self.hidden, !before.processes, !options.processes);
        take(&mut self.residency, before.residency, options.residency);
        take(&mut self.average, before.average, options.average);
        take(&mut self.power_limit, before.power_limit, options.power_limit);
        take(&mut self.interval, before.interval, options.interval);
        take(&mut self.keys, before.keys, options.keys.clone());
        Effect::Adopt { interval: self.interval, mouse: options.mouse }
    }

    /// Leaves without keeping anything: all is as it was.
    pub(super) fn leave_setup(&mut self) -> Effect {
        let Overlay::Setup(setup) = std::mem::take(&mut self.overlay) else { return Effect::Draw };
        let Given { look, resolved, environment } = &setup.before;
        match look(resolved, environment) {
            Ok(options) if OPTIONS.iter().any(|option| setup.is_changed(option)) => {
                self.adopt(&setup.given, &options)
            }
            _ => Effect::Draw,
        }
    }

    /// Writes what was changed, and nothing else.
    fn keep_setup(&mut self) -> Effect {
        let Overlay::Setup(setup) = &mut self.overlay else { return Effect::Draw };
        let all = TABS.into_iter().flat_map(Setup::of);
        let changed: Vec<&Opt> = all.filter(|option| setup.is_changed(option)).collect();
        let kept = match &self.config_file {
            _ if changed.is_empty() => Ok("nothing was changed".to_owned()),
            None => Err("there is no folder for a config.toml: set XDG_CONFIG_HOME".to_owned()),
            Some(path) => {
                let write = |option: &&Opt| write(path, option, setup.text(option));
                changed.iter().try_for_each(write).map(|()| {
                    let names: Vec<&str> = changed.iter().map(|option| option.long).collect();
                    format!("{} kept in {}", names.join(", "), path.display())
                })
            }
        };
        match kept {
            Ok(text) => {
                self.given = Some(Box::new(setup.given.clone()));
                self.overlay = Overlay::None;
                self.message = Some(Message { text, wrong: false });
            }
            // What was set stays in force, and the setup open: nothing is lost.
            Err(why) => setup.wrong = Some(format!("not kept: {why}")),
        }
        Effect::Draw
    }
}

/// Writes one option under the name that the file has for it.
fn write(path: &Path, option: &Opt, text: &str) -> Result<(), String> {
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let document = toml_edit::Document::parse(written.as_str()).ok();
    let has = |key: &str| document.as_ref().is_some_and(|document| document.contains_key(key));
    let in_table = |key: &str| {
        let item = document.as_ref().and_then(|document| document.get(key));
        item.is_some_and(|item| item.as_table_like().is_some())
    };
    let plain = |text: &str| match (option.is_switch(), text.parse::<i64>()) {
        (true, _) => Value::from(value::switch(text).unwrap_or(false)),
        (false, Ok(number)) => Value::from(number),
        (false, Err(_)) => Value::from(text),
    };
    if in_table(option.long) {
        return config_write::set(path, option.long, "preset", plain(text));
    }
    // `mouse = true` says the same as `no-mouse = false`.
    if let Some(opposite) = option.long.strip_prefix("no-").filter(|name| has(name)) {
        let on = !value::switch(text).unwrap_or(false);
        return config_write::set(path, "", opposite, Value::from(on));
    }
    // Where its opposite stands in the file, that must not say another thing.
    if let Some(other) = opposite(option)
        && let Some(key) =
            [other.long].into_iter().chain(other.aliases.iter().copied()).find(|k| has(k))
    {
        let on = value::switch(text).unwrap_or(true);
        config_write::set(path, "", key, Value::from(!on))?;
    }
    let alias = option.aliases.iter().find(|alias| has(alias));
    config_write::set(path, "", alias.unwrap_or(&option.long), plain(text))
}
