//! Where the data of a panel stand on a page.

/// The rectangle of the data, in logical pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Frame {
    pub(super) fn x(self, fraction: f64) -> f64 {
        self.left + fraction * (self.right - self.left)
    }

    pub(super) fn y(self, fraction: f64) -> f64 {
        self.bottom - fraction * (self.bottom - self.top)
    }
}
