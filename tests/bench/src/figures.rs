//! What is said of figures that vary from round to round.

use std::fmt;

/// The middle one, the least and the most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Figures {
    /// `None` of nothing.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        Some(Self {
            median: f64::midpoint(*sorted.get((sorted.len() - 1) / 2)?, *sorted.get(sorted.len() / 2)?),
            least,
            most,
        })
    }
}

/// A ratio: `1.52 (1.47–1.60)`.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.least, self.most)
    }
}

/// The value that so many percent of the sorted values do not exceed.
pub fn percentile(sorted: &[u32], percent: usize) -> u32 {
    sorted.get((sorted.len().saturating_sub(1)) * percent / 100).copied().unwrap_or_default()
}
