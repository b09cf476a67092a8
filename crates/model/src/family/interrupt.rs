//! Who interrupts the processor.

use crate::metric::named;

family! {
    /// Interrupt lines, summed over the CPUs.
    Interrupt "interrupt" "interrupts" many
    text {
        /// Line number, or the kernel's short name such as `LOC`.
        interrupt: Label,
        /// Devices behind the line.
        devices: Info,
    }
    raw {
        /// Interrupts that came over the line.
        interrupts: Counter Count { series: named("interrupt_line_interrupts") },
    }
    derived {
        /// Interrupts per second.
        interrupts_per_second: PerSecond { label: "INT/s" } = |d| d.rate(interrupts);
    }
}
