//! One machine to a file.

pub mod container;
pub mod epyc;
pub mod graphics;
pub mod hostile;
pub mod laptop;
pub mod many;
pub mod old;
pub mod small_server;
