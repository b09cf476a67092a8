//! The pure part of retop.
//!
//! Raw tables come in from the sources; [`derive()`] sets a new sample against the one before it;
//! everybody else reads the [`Snapshot`]. Each metric is declared once, in [`family`], and
//! everything that lists metrics walks those declarations.
//!
//! No I/O, no clock, no `cfg(target_os)`, no `unsafe` here: a made-up machine and a real one are
//! the same to this crate.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod alert;
pub mod attribution;
pub mod awaited;
pub mod civil;
pub mod counter;

#[macro_use]
pub mod metric;
pub mod family;
pub mod filter;
pub mod forecast;
pub mod human;
pub mod reading;
pub mod sample;
pub mod snapshot;
pub mod stamp;
pub mod starvation;
pub mod table;
pub mod terminal;
pub mod text;
pub mod unit;

pub use family::FamilyId;
pub use filter::{Filter, FilterError, Matches, Verdict};
pub use metric::{Family, Field, TextField};
pub use reading::Reading;
pub use sample::RawSample;
pub use snapshot::{Row, Snapshot, derive};
pub use stamp::{Clock, Stamp, Window};
pub use table::{Key, RawTable, RowMut, RowTexts};
pub use terminal::Terminal;
pub use text::Text;
pub use unit::Unit;
