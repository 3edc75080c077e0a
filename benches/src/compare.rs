//! Two records side by side.

use std::fmt::Write as _;

use crate::row::{Other, Row};
use crate::table::digits;

/// Returns a table of the ratios that changed by more than the row's slack, and a line on how many did not.
pub(crate) fn compare(old: &[Row], new: &[Row]) -> String {
    let mut text = "| row | against | then | now | |\n|---|---|---|---|---|\n".to_owned();
    let mut same = 0;
    for row in new {
        let Some(then) = old.iter().find(|then| then.level == row.level && then.name == row.name)
        else {
            writeln!(text, "| {}: {} | | | | new |", row.level, row.name).expect(INFALLIBLE);
            continue;
        };
        for other in &row.others {
            let ratio = |list: &[Other]| {
                let found = list.iter().find(|found| found.name == other.name)?;
                found.measured.map(|(_, ratio)| ratio.value)
            };
            let (Some(before), Some(now)) = (ratio(&then.others), ratio(&row.others)) else {
                continue;
            };
            let change = now / before;
            let word = if change > 1.0 + row.slack() {
                "worse"
            } else if change < 1.0 / (1.0 + row.slack()) {
                "better"
            } else {
                same += 1;
                continue;
            };
            let (before, now) = (digits(before), digits(now));
            let Row { level, name, .. } = row;
            writeln!(text, "| {level}: {name} | {} | {before} | {now} | {word} |", other.name)
                .expect(INFALLIBLE);
        }
    }
    for row in old {
        if !new.iter().any(|now| now.level == row.level && now.name == row.name) {
            writeln!(text, "| {}: {} | | | | gone |", row.level, row.name).expect(INFALLIBLE);
        }
    }
    writeln!(text, "\n{same} ratios changed by no more than noise.").expect(INFALLIBLE);
    text
}

const INFALLIBLE: &str = "writing to a string does not fail";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::{exactly, sample};

    #[test]
    fn only_what_noise_does_not_explain_is_shown() {
        let old = [sample(None)];
        let mut new = [sample(None), sample(None)];
        new[0].others[0].measured = Some((exactly(4.0), exactly(1.14)));
        new[0].others[1].measured = Some((exactly(8.0), exactly(0.6)));
        new[1].name = "another".to_owned();
        let expected = "\
| row | against | then | now | |
|---|---|---|---|---|
| copy: a row | slow | 0.50 × | 0.60 × | worse |
| copy: another | | | | new |

1 ratios changed by no more than noise.
";
        assert_eq!(compare(&old, &new), expected);
        assert!(compare(&new, &old).contains("| copy: another | | | | gone |"));
        assert!(compare(&new, &old).contains("better"));
    }
}
