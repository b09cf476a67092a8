//! The terminal user interface.

pub mod history;
pub mod input;
pub mod render;
pub mod terminal;
pub mod theme;
pub mod units;
pub mod widget;
