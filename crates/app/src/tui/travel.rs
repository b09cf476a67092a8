//! Where the cursor goes: up and down, to what is looked for, into what is folded.

use retop_model::family::process;
use retop_model::{FamilyId, Key, Snapshot};

use super::app::App;
use super::keys::Action;
use super::render::width;

impl App {
    pub(super) fn go_to_match(&mut self, from: usize, back: bool) -> bool {
        let (Some(now), Some(search)) = (&self.now, &self.search) else { return false };
        let Some(line) = self.table.find(now, search, from, back) else { return false };
        self.table.cursor = line;
        self.table.clamp(now);
        true
    }

    pub(super) fn find_next(&mut self, back: bool) {
        let count = self.table.order.lines.len().max(1);
        let cursor = self.table.cursor;
        let from = if back { cursor + count - 1 } else { cursor + 1 } % count;
        if !self.go_to_match(from, back) {
            let text = match (&self.search, self.keys.keys(Action::Find).first()) {
                (None, Some(key)) => format!("nothing to find yet: press {key}"),
                (None, None) => "nothing to find yet".to_owned(),
                (Some(_), _) => "no match".to_owned(),
            };
            self.say(text);
        }
    }

    pub(super) fn tag(&mut self) {
        let Some(now) = self.now.clone() else { return };
        let members: Vec<Key> = self.table.group_members(&now).collect();
        let keys: Vec<Key> = self.table.selected().into_iter().chain(members).collect();
        self.table.tag(&keys);
        self.travel(Action::Down);
    }

    pub(super) fn travel(&mut self, action: Action) {
        let Some(now) = self.now.clone() else { return };
        if self.pages.page.is_sheet() {
            self.pages.travel(&now, action);
            return self.choose_event();
        }
        if self.details.is_some() && self.areas.table.height == 0 {
            // Nobody sees the table: the pane has the screen.
            match action {
                Action::Up => return self.turn_pane(Action::DetailsUp),
                Action::Down => return self.turn_pane(Action::DetailsDown),
                _ => {}
            }
        }
        let page = isize::try_from(self.table.page).unwrap_or(1);
        let end = self.end_of_command(&now);
        let table = &mut self.table;
        match action {
            Action::Up => table.step(&now, -1),
            Action::Down => table.step(&now, 1),
            Action::PageUp => table.step(&now, -page),
            Action::PageDown => table.step(&now, page),
            Action::Home => table.step(&now, isize::MIN / 2),
            Action::End => table.step(&now, isize::MAX / 2),
            Action::ScrollUp => table.scroll(&now, -1),
            Action::ScrollDown => table.scroll(&now, 1),
            Action::Left => table.shift = table.shift.saturating_sub(8),
            Action::ScrollStart => table.shift = 0,
            Action::ScrollEnd => table.shift = end,
            _ => table.shift = (table.shift + 8).min(4096),
        }
        let sideways = [Action::Left, Action::Right, Action::ScrollStart, Action::ScrollEnd];
        if self.details.is_some() && !sideways.contains(&action) {
            self.details = self.table.selected();
        }
    }

    /// Cells to scroll by, so that the command under the cursor is seen to its end.
    fn end_of_command(&self, now: &Snapshot) -> usize {
        let key = self.table.selected();
        let row = key.and_then(|key| now.find(FamilyId::Process, key));
        let all = row.map_or(0, |row| width(row.shown(process::command)));
        let (placed, count) = self.table.columns(self.room_of_columns(), |_| 0);
        let room = placed[..count].last().and_then(|last| *last).map_or(0, |last| last.width);
        usize::from(all.saturating_sub(room))
    }

    pub(super) fn fold(&mut self, action: Action) {
        let Some(now) = self.now.clone() else { return };
        match action {
            Action::FoldAll => self.table.fold_all(&now),
            // Enter opens a group and closes it.
            Action::Details => {
                let open = !self.table.is_folded_here();
                self.table.fold(open);
            }
            action => self.table.fold(action == Action::Less),
        }
        self.sort();
    }
}
