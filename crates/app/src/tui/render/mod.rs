//! The drawing layer: cells, what turns them into bytes, and numbers in fixed room.
//!
//! A steady frame allocates nothing and costs at most one write, none if nothing changed.

pub mod canvas;
pub mod colour;
pub mod cursor;
pub mod encoder;
pub mod grid;
pub mod number;
pub mod pen;
pub mod rect;
pub mod screen;
mod scroll;
mod slide;

pub use canvas::{Canvas, Glyphs, Letters, width};
pub use colour::Depth;
pub use grid::{Cell, Grid};
pub use number::Short;
pub use pen::{Colour, Modifier, Pen};
pub use rect::Rect;
pub use screen::{Screen, Sink};
