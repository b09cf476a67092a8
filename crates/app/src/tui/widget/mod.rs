//! What panels are made of. Nothing here allocates.

pub mod chart;
pub mod frame;
pub mod gauge;
pub mod scrollbar;
pub mod sheet;
pub mod spark;
