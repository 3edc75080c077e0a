//! What rounds measured, and what is made of it.

/// One runner's figures, a number per round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Returns the median; of an even count, the mean of the middle two.
    ///
    /// # Panics
    ///
    /// When there are no figures.
    pub(crate) fn median(&self) -> f64 {
        (self.quantile(0.5, f64::floor) + self.quantile(0.5, f64::ceil)) / 2.0
    }

    /// Returns this runner's figures over `other`'s: the ratio of the medians, and the middle half of the rounds' own
    /// ratios.
    ///
    /// # Panics
    ///
    /// When there are no figures.
    pub(crate) fn over(&self, other: &Self) -> Ratio {
        let rounds =
            Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect());
        Ratio {
            value: self.median() / other.median(),
            low: rounds.quantile(0.25, f64::floor),
            high: rounds.quantile(0.75, f64::ceil),
        }
    }

    fn quantile(&self, part: f64, round: fn(f64) -> f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1).expect("our own invariant: every row has a round");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and `last`"
        )]
        let index = round(part * last as f64) as usize;
        sorted[index]
    }
}

/// A ratio and where the middle half of the rounds lay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(Figures(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Figures(vec![4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert_eq!(Figures(vec![7.0]).median(), 7.0);
    }

    #[test]
    fn ratio_is_of_medians_and_spread_of_rounds() {
        let ours = Figures(vec![2.0, 4.0, 8.0, 4.0, 4.0]);
        let theirs = Figures(vec![2.0, 2.0, 2.0, 2.0, 1.0]);
        assert_eq!(ours.over(&theirs), Ratio { value: 2.0, low: 2.0, high: 4.0 });
    }
}
