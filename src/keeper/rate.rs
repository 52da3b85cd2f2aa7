//! A share with its 95% interval (Wilson's), for figures that are shown.

use serde::{Deserialize, Serialize};

/// A share that few cases tell of, in thousandths, with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub permille: u32,
    pub permille_low: u32,
    pub permille_high: u32,
}

impl Rate {
    /// Wilson's interval, which is right for few cases too. `None` without a case.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        const Z: f64 = 1.959_964;
        if whole == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let (part, n) = (part.min(whole) as f64, whole as f64);
        let p = part / n;
        let denominator = 1.0 + Z * Z / n;
        let centre = (p + Z * Z / (2.0 * n)) / denominator;
        let half = Z / denominator * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
        let permille = |rate: f64| (rate.clamp(0.0, 1.0) * 1_000.0).round() as u32;
        Some(Self {
            permille: permille(p),
            permille_low: permille(centre - half),
            permille_high: permille(centre + half),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_say_how_sure_they_are() {
        // By the usual tables of Wilson's interval.
        for (part, whole, expected) in [
            (0, 0, None),
            (1, 1, Some((1_000, 207, 1_000))),
            (0, 1, Some((0, 0, 793))),
            (8, 10, Some((800, 490, 943))),
            (80, 100, Some((800, 711, 867))),
        ] {
            let rate = Rate::of(part, whole).map(|rate| (rate.permille, rate.permille_low, rate.permille_high));
            assert_eq!(rate, expected, "{part} of {whole}");
        }
    }
}
