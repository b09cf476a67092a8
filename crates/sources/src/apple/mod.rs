//! Macs with Apple's own chips, without root.
//!
//! What is read is decoded by plain functions on names, numbers and bytes, which compile and are
//! tested everywhere.

mod bandwidth;
mod chip;
mod dvfs;
mod energy;
#[cfg(test)]
mod fixture;
mod graphics;
mod layout;
mod names;
mod power_source;
mod smc;
mod states;
mod storage;
mod temperature;
mod thermal;
mod topology;
mod value;
