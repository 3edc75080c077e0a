//! The table that a run prints.

use std::fmt;

use crate::figures::{Figures, Ratio};

/// What a row must not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// So many times the native figure.
    OfNative(f64),
    /// So many times `proot`'s figure.
    OfProot(f64),
    /// So much, in the row's unit.
    AtMost(f64),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Figures are nanoseconds.
    Time,
    /// Figures are mebibytes.
    Mebibytes,
}

/// A finished row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) native: Option<Figures>,
    pub(crate) ours: Figures,
    pub(crate) proot: Option<Figures>,
    pub(crate) targets: &'static [Target],
}

/// The head of the table that rows print as.
pub(crate) const HEAD: &str = "\
| row | native | usermem | proot | target | measured | middle half of rounds | |
|---|---|---|---|---|---|---|---|";

impl fmt::Display for Row {
    /// Writes a line of the table for each target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |figures: Option<&Figures>| {
            figures.map_or("–".to_owned(), |figures| self.unit.show(figures.median()))
        };
        let figures = format!(
            "{} | {} | {}",
            show(self.native.as_ref()),
            show(Some(&self.ours)),
            show(self.proot.as_ref())
        );
        let lines = self
            .targets
            .iter()
            .map(|target| format!("| {} | {figures} | {} |", self.name, self.verdict(*target)));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl Row {
    fn verdict(&self, target: Target) -> String {
        let against = |other: Option<&Figures>, limit: f64, name: &str| {
            let goal = format!("≤ {limit} × {name}");
            let Some(other) = other else {
                return format!("{goal} | – | – | not measured: no {name}");
            };
            let Ratio { value, low, high } = self.ours.over(other);
            format!("{goal} | {value:.3} × | {low:.3}–{high:.3} | {}", met(value <= limit))
        };
        match target {
            Target::OfNative(limit) => against(self.native.as_ref(), limit, "native"),
            Target::OfProot(limit) => against(self.proot.as_ref(), limit, "proot"),
            Target::AtMost(limit) => {
                let median = self.ours.median();
                format!(
                    "≤ {} | {} | – | {}",
                    self.unit.show(limit),
                    self.unit.show(median),
                    met(median <= limit)
                )
            }
        }
    }
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::Mebibytes => format!("{figure:.1} MiB"),
            Self::Time if figure < 1e3 => format!("{figure:.0} ns"),
            Self::Time if figure < 1e6 => format!("{:.2} µs", figure / 1e3),
            Self::Time if figure < 1e9 => format!("{:.1} ms", figure / 1e6),
            Self::Time => format!("{:.2} s", figure / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(list: &[f64]) -> Figures {
        let mut figures = Figures::default();
        list.iter().for_each(|figure| figures.push(*figure));
        figures
    }

    #[test]
    fn a_line_for_each_target() {
        let row = Row {
            name: "null".into(),
            unit: Unit::Time,
            native: Some(figures(&[100.0])),
            ours: figures(&[4000.0]),
            proot: None,
            targets: &[Target::OfProot(0.1), Target::AtMost(8000.0), Target::OfNative(6.0)],
        };
        let expected = "\
| null | 100 ns | 4.00 µs | – | ≤ 0.1 × proot | – | – | not measured: no proot |
| null | 100 ns | 4.00 µs | – | ≤ 8.00 µs | 4.00 µs | – | met |
| null | 100 ns | 4.00 µs | – | ≤ 6 × native | 40.000 × | 40.000–40.000 | MISSED |";
        assert_eq!(row.to_string(), expected);
    }
}
