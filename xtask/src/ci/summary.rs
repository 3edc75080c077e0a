//! The table printed at the end.

use std::fmt::Write as _;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Skipped,
    Failed(String),
}

/// One step in the summary.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
}

impl Row {
    pub(crate) fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

/// Returns the summary: a line per step with its duration, and what failed again in full.
pub(crate) fn summary(rows: &[Row]) -> String {
    let mut text = String::from("step      result       time\n");
    for row in rows {
        let (result, time) = match row.outcome {
            Outcome::Passed => ("ok", format!("{:.1} s", row.seconds)),
            Outcome::Skipped => ("skipped", "–".to_owned()),
            Outcome::Failed(_) => ("FAILED", format!("{:.1} s", row.seconds)),
        };
        writeln!(text, "{:<8}  {result:<7}  {time:>8}", row.name)
            .expect("writing to a string does not fail");
    }
    for row in rows {
        if let Outcome::Failed(message) = &row.outcome {
            writeln!(text, "\n{}: {message}", row.name).expect("writing to a string does not fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_line_and_every_failure_its_message() {
        let rows = [
            Row { name: "layers", outcome: Outcome::Passed, seconds: 0.04 },
            Row { name: "tests", outcome: Outcome::Skipped, seconds: 0.0 },
            Row { name: "cross", outcome: Outcome::Failed("no qemu".into()), seconds: 61.2 },
        ];
        let expected = "\
step      result       time
layers    ok          0.0 s
tests     skipped         –
cross     FAILED     61.2 s

cross: no qemu
";
        assert_eq!(summary(&rows), expected);
    }
}
