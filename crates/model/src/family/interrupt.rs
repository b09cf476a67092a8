//! Who interrupts the processor.

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
        interrupts: Counter Count { scraped: false },
    }
    derived {
        /// Interrupts per second.
        interrupts_per_second: PerSecond = |d| d.rate(interrupts);
    }
}
