//! The drawing layer: cells, what turns them into bytes, and numbers in fixed room.
//!
//! A steady frame allocates nothing and costs at most one write, none if nothing changed.

pub mod canvas;
pub mod colour;
pub mod cursor;
pub mod encoder;
pub mod number;
pub mod screen;
mod scroll;
mod slide;

pub use canvas::{Canvas, Glyphs, Letters, Pen, width};
pub use colour::Depth;
pub use number::Short;
pub use ratatui_core::buffer::Cell;
pub use ratatui_core::layout::Rect;
pub use ratatui_core::style::Modifier;
pub use screen::{Screen, Sink};
