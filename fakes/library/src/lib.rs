//! What libraries that play a machine have in common: a test puts a copy of one into a folder with a
//! scenario, and the copy finds its scenario and its clock there.
#![cfg(target_os = "linux")]
// A library that plays a machine reads the clock; what ships must not.
#![allow(clippy::disallowed_methods)]

mod copy;
mod keys;
mod time;

pub use copy::{Copied, copy};
pub use keys::{Keys, number};
pub use time::{Time, own_folder};
