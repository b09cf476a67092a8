//! The terminal program: everything but the entry point, so that tests reach it.
#![forbid(unsafe_code)]

pub mod tui;
