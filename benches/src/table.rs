//! Rows as tables in Markdown.

use std::fmt::Write as _;

use crate::row::{NOISY, Other, Role, Row};

/// Returns a table for each level, in the order of the rows.
pub(crate) fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut level = "";
    for row in rows {
        if row.level != level {
            level = &row.level;
            write!(text, "\n### {level}\n\n{HEAD}\n").expect("writing to a string does not fail");
        }
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}

const HEAD: &str = "| row | usermem | against | | |\n|---|---|---|---|---|";

/// Returns the row's line: our figure, everything that we are measured against with ratio and goal, the worst verdict,
/// and the spread where it is large.
fn line(row: &Row) -> String {
    let others: Vec<String> = row.others.iter().map(|other| against(row, other)).collect();
    let verdict = row.worst().map_or("–".to_owned(), |verdict| verdict.to_string());
    let spread = row.spread();
    let spread = if spread > NOISY {
        format!("spread **{:.0} %**", spread * 100.0)
    } else {
        format!("±{:.0} %", spread * 50.0)
    };
    let ours = row.unit.show(row.ours.value);
    format!("| {} | {ours} | {} | {verdict} | {spread} |", row.name, others.join("; "))
}

fn against(row: &Row, other: &Other) -> String {
    let goal = other
        .goal
        .map_or(String::new(), |goal| format!(" (≤ {})", (goal * 1000.0).round() / 1000.0));
    match (other.measured, other.role) {
        (None, _) => format!("{}: not here", other.name),
        (Some((figure, _)), Role::Bound) => format!("≤ {}", row.unit.show(figure.value)),
        (Some((figure, ratio)), role) => {
            let name = match role {
                Role::Limit => format!("**{}**", other.name),
                Role::Peer | Role::Bound => other.name.clone(),
            };
            let verdict = row.verdict(other).map_or(String::new(), |verdict| format!(" {verdict}"));
            format!(
                "{name} {}: {}{goal}{verdict}",
                row.unit.show(figure.value),
                digits(ratio.value)
            )
        }
    }
}

/// Returns a ratio with as many digits as it is good for.
pub(crate) fn digits(ratio: f64) -> String {
    if ratio < 0.1 {
        format!("{ratio:.3} ×")
    } else if ratio < 10.0 {
        format!("{ratio:.2} ×")
    } else {
        format!("{ratio:.0} ×")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::{exactly, sample};

    #[test]
    fn a_line_says_everything() {
        let mut row = sample(None);
        let bound = Some((exactly(3.0), exactly(1.3333)));
        row.others.push(Other {
            name: "bound".into(),
            role: Role::Bound,
            goal: Some(1.0),
            measured: bound,
        });
        let expected = "
### copy

| row | usermem | against | | |
|---|---|---|---|---|
| a row | 4.00 ns | **memcpy** 4.00 ns: 1.00 × (≤ 1) met; slow 8.00 ns: 0.50 × (≤ 0.4) MISSED; absent: not here; ≤ 3.00 ns | MISSED | ±2 % |
";
        assert_eq!(tables(&[row]), expected);
    }

    #[test]
    fn a_large_spread_is_marked() {
        let mut row = sample(None);
        row.ours.high = 5.0;
        assert!(line(&row).ends_with("| spread **28 %** |"), "{}", line(&row));
    }
}
