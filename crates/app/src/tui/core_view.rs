//! The ways in which cores are drawn.

/// How cores are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CoreView {
    /// By their number.
    #[default]
    Auto,
    /// A bar each.
    Gauge,
    /// All together, over time.
    History,
    /// Both.
    Both,
    /// A cell each.
    Heat,
}

impl CoreView {
    /// Every view, in the order of `v`.
    pub const ALL: [CoreView; 5] =
        [CoreView::Auto, CoreView::Gauge, CoreView::History, CoreView::Both, CoreView::Heat];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CoreView::Auto => "auto",
            CoreView::Gauge => "gauge",
            CoreView::History => "history",
            CoreView::Both => "both",
            CoreView::Heat => "heat",
        }
    }
}
