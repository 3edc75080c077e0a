//! What rounds measured, and what is made of it.

/// One contender's figures, a number per round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<f64>);

/// A figure or ratio, and where the middle half of the rounds lay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Middle {
    pub(crate) low: f64,
    pub(crate) value: f64,
    pub(crate) high: f64,
}

impl Figures {
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Returns the median and the quartiles.
    ///
    /// # Panics
    ///
    /// When there are no figures.
    pub(crate) fn middle(&self) -> Middle {
        Middle {
            low: self.quantile(0.25, f64::floor),
            value: self.median(),
            high: self.quantile(0.75, f64::ceil),
        }
    }

    /// Returns this contender's figures over `other`'s: the ratio of the medians, and the middle half of the rounds' own
    /// ratios.
    ///
    /// # Panics
    ///
    /// When there are no figures.
    pub(crate) fn over(&self, other: &Self) -> Middle {
        let rounds =
            Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect());
        Middle { value: self.median() / other.median(), ..rounds.middle() }
    }

    /// Returns this contender's figures over a fixed number.
    ///
    /// # Panics
    ///
    /// When there are no figures.
    pub(crate) fn over_fixed(&self, number: f64) -> Middle {
        Self(self.0.iter().map(|figure| figure / number).collect()).middle()
    }

    /// Returns the median; of an even count, the mean of the middle two.
    fn median(&self) -> f64 {
        (self.quantile(0.5, f64::floor) + self.quantile(0.5, f64::ceil)) / 2.0
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

impl Middle {
    /// Returns how far apart the quartiles are, as a part of the value.
    pub(crate) fn spread(self) -> f64 {
        (self.high - self.low) / self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quartiles() {
        let middle = |list: &[f64]| {
            let Middle { low, value, high } = Figures(list.to_vec()).middle();
            (low, value, high)
        };
        assert_eq!(middle(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
        assert_eq!(middle(&[4.0, 1.0, 2.0, 3.0]), (1.0, 2.5, 4.0));
        assert_eq!(middle(&[7.0]), (7.0, 7.0, 7.0));
        assert_eq!(middle(&[1.0, 2.0, 3.0, 4.0, 100.0]), (2.0, 3.0, 4.0));
    }

    #[test]
    fn ratio_is_of_medians_and_spread_of_rounds() {
        let ours = Figures(vec![2.0, 4.0, 8.0, 4.0, 4.0]);
        let theirs = Figures(vec![2.0, 2.0, 2.0, 2.0, 1.0]);
        let ratio = ours.over(&theirs);
        assert_eq!(ratio, Middle { low: 2.0, value: 2.0, high: 4.0 });
        assert_eq!(ratio.spread(), 1.0);
        assert_eq!(ours.over_fixed(2.0), Middle { low: 2.0, value: 2.0, high: 2.0 });
    }
}
