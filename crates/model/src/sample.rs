//! Everything that was read at one tick.

use std::sync::Arc;

use crate::family::FamilyId;
use crate::stamp::Stamp;
use crate::table::RawTable;

/// One raw sample: a table per family that was read, each with its own window. A family whose
/// source reads more slowly than the tick is here with the table of its last read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawSample {
    /// The moment of the tick.
    pub stamp: Stamp,
    tables: Vec<Option<Arc<RawTable>>>,
}

impl RawSample {
    /// A sample without tables.
    #[must_use]
    pub fn new(stamp: Stamp) -> RawSample {
        RawSample { stamp, tables: vec![None; FamilyId::COUNT] }
    }

    /// The table of a family, if its source gave one.
    #[inline]
    #[must_use]
    pub fn table(&self, family: FamilyId) -> Option<&Arc<RawTable>> {
        self.tables.get(family.index())?.as_ref()
    }

    /// Puts a table in its place.
    pub fn put(&mut self, table: Arc<RawTable>) {
        let place = table.family().index();
        if self.tables.len() <= place {
            self.tables.resize(FamilyId::COUNT, None);
        }
        self.tables[place] = Some(table);
    }

    /// Takes a table out.
    pub fn take(&mut self, family: FamilyId) -> Option<Arc<RawTable>> {
        self.tables.get_mut(family.index())?.take()
    }

    /// Every table that is here.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<RawTable>> {
        self.tables.iter().flatten()
    }
}
