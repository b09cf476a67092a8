//! Displays: how often each was given another picture, by the processors that drive them.

use std::sync::Arc;

use retop_model::family::display;
use retop_model::{FamilyId, Key};

use super::library::Library;
use super::report::Subscription;
use crate::source::{Problem, Read, Source};

/// Groups of the processors of displays: the built-in one first. Those that a machine lacks are asked
/// for once.
const GROUPS: [&str; 8] =
    ["DCP", "DCP0", "DCP1", "DCPEXT", "DCPEXT0", "DCPEXT1", "DCPEXT2", "DCPEXT3"];

pub struct Display {
    library: Arc<Library>,
    displays: Option<Vec<(&'static str, Subscription)>>,
}

impl Display {
    pub fn new(library: &Arc<Library>) -> Display {
        Display { library: Arc::clone(library), displays: None }
    }
}

impl Source for Display {
    fn name(&self) -> &'static str {
        "display"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Display]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Display) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let library = &self.library;
        let displays = self.displays.get_or_insert_with(|| {
            let open =
                |group| Some((group, Subscription::new(library, group, Some("swap"), |_| true)?));
            GROUPS.into_iter().filter_map(open).collect()
        });
        let mut table = read.table(FamilyId::Display);
        for (group, of) in displays.iter_mut() {
            // A display that is not connected may have channels and fill in none of them.
            let counted = of.sample().then(|| of.held.iter().filter_map(|held| held.value));
            let Some(frames) = counted.and_then(|of| of.reduce(i64::saturating_add)) else {
                continue;
            };
            table
                .push(Key::named(group.as_bytes()))
                .text(display::display, *group)
                .set(display::frames, frames);
        }
        read.give(table, begin);
        if displays.is_empty() {
            return Err(Problem::absent(
                "no processor of a display counts pictures (IOReport, swap)",
            ));
        }
        Ok(())
    }
}
