//! The table printed at the end.

use std::fmt::Write as _;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// An option said so.
    LeftOut,
    /// This machine cannot run it; nothing is known about what it checks.
    Skipped(String),
    Failed(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
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

/// Returns the summary: a line per step with its duration, what failed and why again in full, what was skipped and
/// why, and how many of each.
pub(crate) fn summary(rows: &[Row]) -> String {
    let mut text = String::from("step      result        time\n");
    let (mut passed, mut failed, mut skipped, mut left_out) = (0, 0, 0, 0);
    let mut messages = String::new();
    for row in rows {
        let seconds = format!("{:.1} s", row.seconds);
        let (result, time, count) = match row.outcome {
            Outcome::Passed => ("ok", seconds, &mut passed),
            Outcome::Failed(_) => ("FAILED", seconds, &mut failed),
            Outcome::Skipped(_) => ("SKIPPED", "–".to_owned(), &mut skipped),
            Outcome::LeftOut => ("left out", "–".to_owned(), &mut left_out),
        };
        *count += 1;
        let line = format!("{:<8}  {result:<8}  {time:>8}\n", row.name);
        text.push_str(&line);
        if let Outcome::Failed(message) | Outcome::Skipped(message) = &row.outcome {
            write!(messages, "\n{}: {result}: {message}\n", row.name)
                .expect("writing to a string does not fail");
        }
    }
    format!(
        "{text}{messages}\n{passed} passed, {failed} failed, {skipped} SKIPPED, {left_out} left out\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_line_and_everything_but_success_its_reason() {
        let rows = [
            Row { name: "layers", outcome: Outcome::Passed, seconds: 0.04 },
            Row { name: "tests", outcome: Outcome::LeftOut, seconds: 0.0 },
            Row { name: "fuzz", outcome: Outcome::Skipped("no nightly".into()), seconds: 0.1 },
            Row { name: "cross", outcome: Outcome::Failed("no qemu".into()), seconds: 61.2 },
        ];
        let expected = "\
step      result        time
layers    ok           0.0 s
tests     left out         –
fuzz      SKIPPED          –
cross     FAILED      61.2 s

fuzz: SKIPPED: no nightly

cross: FAILED: no qemu

1 passed, 1 failed, 1 SKIPPED, 1 left out
";
        assert_eq!(summary(&rows), expected);
    }
}
