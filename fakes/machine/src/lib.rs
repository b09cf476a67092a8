//! Made-up Linux machines: whole trees of `proc/`, `sys/` and `etc/` for tests.
#![forbid(unsafe_code)]

mod tree;

pub use tree::{Scratch, Tree};
