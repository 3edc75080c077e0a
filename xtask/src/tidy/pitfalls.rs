//! The known pitfalls of systems like this one: each has a test that carries its number, or a reason why it has none.

use std::collections::BTreeSet;

use super::documents::section;
use crate::workspace::Workspace;

/// They are numbered from 1 to this.
const LAST: u32 = 30;

/// The section of `docs/testing.md` with a row, `| 7 | what | why |`, for each pitfall that has no test.
const HEADING: &str = "## Pitfalls without a test";

/// Checks that every pitfall is covered, in exactly one way.
pub(super) fn covered(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut tested = BTreeSet::new();
    for path in workspace.files("crates")? {
        if let Some(text) = workspace.read(&path)? {
            tested.extend(numbers_of_tests(&text));
        }
    }
    let text = workspace.document("docs/testing.md");
    let explained = section(&text, HEADING).filter_map(number_of_row).collect();
    Ok(check(&tested, &explained))
}

fn check(tested: &BTreeSet<u32>, explained: &BTreeSet<u32>) -> Vec<String> {
    let missing =
        (1..=LAST).filter(|number| !tested.contains(number) && !explained.contains(number));
    let stale = tested.intersection(explained);
    missing
        .map(|number| {
            format!("pitfall {number}: no test is called pitfall_{number:02}_…, and docs/testing.md does not say why")
        })
        .chain(stale.map(|number| format!("pitfall {number}: has a test, yet docs/testing.md says why it has none")))
        .collect()
}

/// Returns the NN of each `fn pitfall_NN_…`; names that end `_and_MM` carry one number only, the first.
fn numbers_of_tests(text: &str) -> impl Iterator<Item = u32> {
    text.split("fn pitfall_").skip(1).filter_map(|rest| rest.get(..2)?.parse().ok())
}

fn number_of_row(line: &str) -> Option<u32> {
    line.strip_prefix("| ")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_rows_are_found() {
        let text = "#[test]\nfn pitfall_03_x() {}\n fn pitfall_27_y() {}\nfn pitfall_x() {}\n// pitfall_04_z\n";
        assert_eq!(numbers_of_tests(text).collect::<Vec<_>>(), [3, 27]);
        assert_eq!(number_of_row("| 7 | adapter | there is none |"), Some(7));
        assert_eq!(number_of_row("|---|---|"), None);
    }

    #[test]
    fn each_is_covered_in_one_way() {
        let tested = (1..=28).collect();
        let explained = [28, 29].into();
        assert_eq!(
            check(&tested, &explained),
            [
                "pitfall 30: no test is called pitfall_30_…, and docs/testing.md does not say why",
                "pitfall 28: has a test, yet docs/testing.md says why it has none",
            ]
        );
    }
}
