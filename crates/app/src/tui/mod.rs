//! The terminal user interface.

pub mod input;
pub mod render;
pub mod terminal;
