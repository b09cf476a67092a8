//! Made-up Linux machines: whole trees of `proc/`, `sys/` and `etc/` for tests.
//!
//! Every number here is invented and follows from the machine's description and the second that was
//! asked for: two trees of one machine differ by what it did in between. Writing a later second
//! over an earlier one keeps folders in their place, so that control groups keep their inodes, and
//! removes the processes that ended.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cgroup;
mod clock;
mod cpu;
pub mod damage;
mod disk;
mod gpu;
mod host;
mod inside;
mod machines;
mod memory;
mod network;
mod process;
mod sensor;
mod spec;
mod tree;

use std::io;
use std::path::Path;

pub use clock::HandClock;
pub use machines::many::many;
pub use tree::{Scratch, Tree};

/// Every machine that [`build`] knows.
pub const NAMES: &[&str] = &[
    "small-server",
    "epyc-256",
    "hybrid-laptop",
    "container",
    "cgroup-v1",
    "no-psi",
    "hostile",
    "amd-desktop",
    "amd-laptop",
    "amd-old",
    "intel-laptop",
    "arc",
    "arm-board",
    "amd-handheld",
    "intel-old",
    "intel-lts",
    "boards",
    "gpu-rack",
];

/// Writes the machine as it is `second` seconds after the start into `dir`, which is made if
/// needed.
///
/// # Errors
///
/// A name that is not in [`NAMES`], and what the file system says.
pub fn build(name: &str, dir: &Path, second: u64) -> io::Result<()> {
    let tree = Tree::new(dir);
    match name {
        "small-server" => machines::small_server::write(&tree, second),
        "epyc-256" => machines::epyc::write(&tree, second),
        "hybrid-laptop" => machines::laptop::write(&tree, second),
        "container" => machines::container::write(&tree, second),
        "cgroup-v1" => machines::old::write_cgroup_v1(&tree, second),
        "no-psi" => machines::old::write_no_psi(&tree, second),
        "hostile" => machines::hostile::write(&tree, second),
        "amd-desktop" => machines::graphics::write_amd_desktop(&tree, second),
        "amd-laptop" => machines::graphics::write_amd_laptop(&tree, second),
        "amd-old" => machines::graphics::write_amd_old(&tree, second),
        "intel-laptop" => machines::graphics::write_intel_laptop(&tree, second),
        "arc" => machines::graphics::write_arc(&tree, second),
        "arm-board" => machines::graphics::write_arm_board(&tree, second),
        "amd-handheld" => machines::graphics::older::write_amd_handheld(&tree, second),
        "intel-old" => machines::graphics::older::write_intel_old(&tree, second),
        "intel-lts" => machines::graphics::older::write_intel_lts(&tree, second),
        "boards" => machines::graphics::older::write_boards(&tree, second),
        "gpu-rack" => machines::graphics::rack::write(&tree, second),
        _ => {
            let known = NAMES.join(", ");
            let reason = format!("no machine is called '{name}'; there are {known}");
            Err(io::Error::new(io::ErrorKind::NotFound, reason))
        }
    }
}

#[cfg(test)]
mod tests;
