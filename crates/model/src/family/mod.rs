//! Every kind of entity, one file each. A new family is a file here and a line in the list below.

use crate::metric::Family;

macro_rules! families {
    ($($id:ident $module:ident,)*) => {
        $(pub mod $module;)*

        /// Names a family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum FamilyId {
            $(#[doc = concat!("See [`", stringify!($module), "`].")] $id,)*
        }

        /// Every family, in the order of screens, JSON and documentation.
        pub static FAMILIES: &[&Family] = &[$(&$module::FAMILY,)*];
    };
}

families! {
    Host host,
    Own own,
    Task task,
    Cpu cpu,
    Core core,
    Cluster cluster,
    PerformanceState performance_state,
    HeldDown held_down,
    IdleState idle_state,
    Interrupt interrupt,
    Pressure pressure,
    Memory memory,
    MemoryUse memory_use,
    Traffic traffic,
    Limit limit,
    Disk disk,
    Filesystem filesystem,
    Network network,
    Tcp tcp,
    Sensor sensor,
    Power power,
    Chip chip,
    Energy energy,
    Battery battery,
    Display display,
    Gpu gpu,
    GpuProcess gpu_process,
    GpuForecast gpu_forecast,
    GpuCall gpu_call,
    Cgroup cgroup,
    Group group,
    Process process,
    Usage usage,
    Thread thread,
    Exit exit,
    Alert alert,
    Source source,
}

impl FamilyId {
    /// How many there are.
    pub const COUNT: usize = FAMILIES.len();

    /// The declaration.
    #[inline]
    #[must_use]
    pub fn get(self) -> &'static Family {
        FAMILIES[self.index()]
    }

    /// Its place in [`FAMILIES`].
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Every family.
    pub fn all() -> impl Iterator<Item = FamilyId> {
        FAMILIES.iter().map(|family| family.id)
    }

    /// The family of that JSON key.
    #[must_use]
    pub fn by_key(key: &str) -> Option<FamilyId> {
        FAMILIES.iter().find(|family| family.key == key).map(|family| family.id)
    }
}

#[cfg(test)]
mod tests;
