//! `/proc/PID/limits`.

use std::path::Path;

use retop_model::Text;

use super::{beginning, refused};
use crate::inspect::Limit;
use crate::linux::parse;
use crate::source::Problem;

pub fn read(folder: &Path) -> Result<Vec<Limit>, Problem> {
    let path = folder.join("limits");
    match beginning(&path, 16 * 1024) {
        Ok(text) => Ok(parse(&text)),
        Err(error) => Err(refused(path, &error)),
    }
}

/// A head, then lines such as `Max open files            1024                 524288
/// files`: the name has blanks of its own, what follows it has none.
pub fn parse(text: &[u8]) -> Vec<Limit> {
    parse::lines(text).skip(1).filter_map(limit).collect()
}

fn limit(line: &[u8]) -> Option<Limit> {
    let gap = line.windows(2).position(|two| two == b"  ")?;
    let (name, rest) = line.split_at(gap);
    let mut fields = rest.split(|&byte| byte == b' ').filter(|field| !field.is_empty());
    let number = |field: &[u8]| match field {
        b"unlimited" => Some(None),
        digits => parse::decimal(digits).map(Some),
    };
    let (soft, hard) = (number(fields.next()?)?, number(fields.next()?)?);
    let name = name.strip_prefix(b"Max ").unwrap_or(name);
    let unit = fields.next().unwrap_or(b"");
    Some(Limit { name: Text::new(name), unit: Text::new(unit), soft, hard })
}
