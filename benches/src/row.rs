//! A finished row: what was measured, and how it stands to what was aimed at.

use std::fmt;

use crate::figures::Middle;

/// A spread above which a row does not say much.
pub(crate) const NOISY: f64 = 0.15;

/// A finished row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The level of the system that it measures.
    pub(crate) level: String,
    pub(crate) name: String,
    pub(crate) unit: Unit,
    /// Where it stands on the axis of a plot.
    pub(crate) at: Option<At>,
    /// Us.
    pub(crate) ours: Middle,
    /// Everything that we are measured against.
    pub(crate) others: Vec<Other>,
}

/// What we are measured against.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Other {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The most that our figure may be of this one.
    pub(crate) goal: Option<f64>,
    /// Its figure, and ours over it; `None` when this machine lacks it.
    pub(crate) measured: Option<(Middle, Middle)>,
}

/// What something that we are measured against is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What the machine does at best, without any of our promises.
    Limit,
    /// Something that does the same job.
    Peer,
    /// A number that was agreed on.
    Bound,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Figures are nanoseconds.
    Nanoseconds,
    /// Figures are mebibytes.
    Mebibytes,
}

/// A place on the axis of a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Bytes(u64),
    Mappings(u64),
}

/// How a figure stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Met,
    /// Above, by no more than the slack that noise gets.
    Near,
    Missed,
}

impl Row {
    /// Returns the part above a goal that is taken for noise.
    pub(crate) fn slack(&self) -> f64 {
        if matches!(self.at, Some(At::Bytes(bytes)) if bytes >= 64 << 10) { 0.25 } else { 0.15 }
    }

    /// Returns how we stand to `other`; `None` without a goal or a figure.
    pub(crate) fn verdict(&self, other: &Other) -> Option<Verdict> {
        let (_, ratio) = other.measured?;
        let goal = other.goal?;
        Some(if ratio.value <= goal {
            Verdict::Met
        } else if ratio.value <= goal * (1.0 + self.slack()) {
            Verdict::Near
        } else {
            Verdict::Missed
        })
    }

    /// Returns the worst verdict of the row; `None` when it has none.
    pub(crate) fn worst(&self) -> Option<Verdict> {
        self.others.iter().filter_map(|other| self.verdict(other)).max()
    }

    /// Returns the largest spread of what the verdicts rest on.
    pub(crate) fn spread(&self) -> f64 {
        let ratios = self.others.iter().filter_map(|other| other.measured.map(|(_, ratio)| ratio));
        ratios.map(Middle::spread).fold(self.ours.spread(), f64::max)
    }
}

impl Unit {
    /// Returns a figure as one reads it.
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Self::Mebibytes => format!("{figure:.1} MiB"),
            Self::Nanoseconds if figure < 10.0 => format!("{figure:.2} ns"),
            Self::Nanoseconds if figure < 1e3 => format!("{figure:.0} ns"),
            Self::Nanoseconds if figure < 1e6 => format!("{:.2} µs", figure / 1e3),
            Self::Nanoseconds if figure < 1e9 => format!("{:.1} ms", figure / 1e6),
            Self::Nanoseconds => format!("{:.2} s", figure / 1e9),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Near => "near",
            Self::Missed => "MISSED",
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn exactly(value: f64) -> Middle {
        Middle { low: value, value, high: value }
    }

    /// A row with a limit, a peer with a figure, and one without.
    pub(crate) fn sample(at: Option<At>) -> Row {
        let other = |name: &str, role, goal, measured| Other {
            name: name.to_owned(),
            role,
            goal,
            measured,
        };
        Row {
            level: "copy".to_owned(),
            name: "a row".to_owned(),
            unit: Unit::Nanoseconds,
            at,
            ours: Middle { low: 3.9, value: 4.0, high: 4.1 },
            others: vec![
                other("memcpy", Role::Limit, Some(1.0), Some((exactly(4.0), exactly(1.0)))),
                other("slow", Role::Peer, Some(0.4), Some((exactly(8.0), exactly(0.5)))),
                other("absent", Role::Peer, Some(0.5), None),
            ],
        }
    }

    #[test]
    fn verdicts_have_slack_and_more_of_it_for_large_copies() {
        let row = sample(Some(At::Bytes(4096)));
        let verdicts: Vec<_> = row.others.iter().map(|other| row.verdict(other)).collect();
        assert_eq!(verdicts, [Some(Verdict::Met), Some(Verdict::Missed), None]);
        assert_eq!(row.worst(), Some(Verdict::Missed));
        let large = sample(Some(At::Bytes(65536)));
        assert_eq!(large.worst(), Some(Verdict::Near));
        assert!((row.spread() - 0.05).abs() < 1e-9);
    }

    #[test]
    fn figures_are_shown_with_what_is_known_of_them() {
        let show = |figure| Unit::Nanoseconds.show(figure);
        assert_eq!(
            [1.234, 12.34, 1234.0, 12.34e6, 1.234e9].map(show),
            ["1.23 ns", "12 ns", "1.23 µs", "12.3 ms", "1.23 s"]
        );
        assert_eq!(Unit::Mebibytes.show(3.55), "3.5 MiB");
    }
}
