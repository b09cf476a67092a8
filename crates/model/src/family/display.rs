//! Displays.

family! {
    /// Displays: how often each was given another picture.
    Display "display" "displays" many
    text {
        /// Display engine, such as `DCP` for the built-in one and `DCPEXT0` for the first of the others.
        display: Label,
    }
    raw {
        /// Pictures that were put on the display.
        frames: Counter Count { label: "FRAMES" },
    }
    derived {
        /// Pictures per second: none while nothing on the display moves.
        frames_per_second: PerSecond { label: "FPS" } = |d| d.rate(frames);
    }
}
