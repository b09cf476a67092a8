//! Tables of format 1: new rows stand in the lists of each column like any others.

use retop_model::Reading;

use super::table::TableReader;
use crate::history::varint::{CodecError, Reader};

impl TableReader<'_> {
    pub fn read_1(mut self, section: &mut Reader<'_>) -> Result<(), CodecError> {
        self.births_and_deaths(section)?;
        let family = self.family;
        for &column in &family.columns {
            let header = section.number()?;
            let Ok(changed) = usize::try_from(header >> 2) else {
                return section.error("more things than bytes");
            };
            self.changed_1(section, column, changed)?;
            if header & 1 != 0 {
                self.appeared_1(section, column)?;
            }
            if header & 2 != 0 {
                self.vanished_1(section, column)?;
            }
        }
        for &text in &family.texts {
            self.texts_1(section, text)?;
        }
        section.end()
    }

    fn changed_1(
        &mut self,
        section: &mut Reader<'_>,
        column: Option<usize>,
        count: usize,
    ) -> Result<(), CodecError> {
        let mut next = 0;
        for _ in 0..count {
            let row = self.row(section, &mut next)?;
            let by = section.signed()?;
            let Some(column) = column else { continue };
            self.add(section, row, column, by)?;
        }
        Ok(())
    }

    fn appeared_1(
        &mut self,
        section: &mut Reader<'_>,
        column: Option<usize>,
    ) -> Result<(), CodecError> {
        let mut next = 0;
        for _ in 0..section.count(2)? {
            let row = self.row(section, &mut next)?;
            let value = section.signed()?;
            self.set(row, column, Reading::new(value));
        }
        Ok(())
    }

    fn vanished_1(
        &mut self,
        section: &mut Reader<'_>,
        column: Option<usize>,
    ) -> Result<(), CodecError> {
        let mut next = 0;
        for _ in 0..section.count(1)? {
            let row = self.row(section, &mut next)?;
            self.set(row, column, Reading::NONE);
        }
        Ok(())
    }

    fn texts_1(&mut self, section: &mut Reader<'_>, text: Option<usize>) -> Result<(), CodecError> {
        let mut next = 0;
        for _ in 0..section.count(2)? {
            let row = self.row(section, &mut next)?;
            let id = usize::try_from(section.number()?).unwrap_or(usize::MAX);
            self.set_text(section, row, text, id)?;
        }
        Ok(())
    }
}
