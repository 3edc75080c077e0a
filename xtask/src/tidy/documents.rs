//! Documents that name code, and one another.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::ci::STEPS;
use crate::workspace::Workspace;

/// The section of `docs/testing.md` that describes the steps: a table whose first column is the name.
const STEPS_HEADING: &str = "## Steps of `cargo xtask ci`";

/// Checks that the table of steps in `docs/testing.md` and the one in the code are the same, in order.
pub(super) fn steps(workspace: &Workspace) -> Result<Vec<String>, String> {
    let text = workspace.document("docs/testing.md");
    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    Ok(compare_steps(&text, &names))
}

fn compare_steps(text: &str, names: &[&str]) -> Vec<String> {
    let described = first_column(section(text, STEPS_HEADING));
    if described == names {
        return Vec::new();
    }
    vec![format!(
        "docs/testing.md describes the steps [{}] below `{STEPS_HEADING}`; the table in xtask/src/ci/steps.rs has [{}]",
        described.join(" "),
        names.join(" ")
    )]
}

/// Returns the lines of `text` below `heading`, up to the next heading of the same level.
pub(super) fn section<'a>(text: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
}

/// Returns what the rows of the tables in `lines` have in code font at their start.
fn first_column<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    lines
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect()
}

/// Checks that what `docs/origin-map.md` calls ours (the second column, in code font) is a word of our code.
pub(super) fn origin_map(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut words = BTreeSet::new();
    for path in workspace.files("crates")? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = workspace.read(&path)?.unwrap_or_default();
            words.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
        }
    }
    let text = workspace.document("docs/origin-map.md");
    let ours = text.lines().flat_map(names_in_second_column).filter(|name| !words.contains(*name));
    Ok(ours.map(|name| format!("docs/origin-map.md: nothing of ours is called {name}")).collect())
}

/// Returns the last words of the paths in code font: `a::b::{c, d}` gives c and d.
fn names_in_second_column(line: &str) -> Vec<&str> {
    let column = line.split('|').nth(2).unwrap_or_default();
    let quoted = column.split('`').skip(1).step_by(2);
    let last = quoted.flat_map(|path| {
        path.rsplit("::").next().unwrap_or(path).trim_matches(['{', '}']).split(", ")
    });
    last.map(|name| name.split('<').next().unwrap_or(name)).collect()
}

/// Checks that relative links in Markdown files lead to files.
pub(super) fn links(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut messages = Vec::new();
    for path in workspace.files("")? {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = workspace.read(&path)?.unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new(""));
        for target in targets(&text) {
            if !workspace.root().join(normal(&folder.join(target))).exists() {
                messages.push(format!("{}: links to {target}, which is not there", path.display()));
            }
        }
    }
    Ok(messages)
}

/// Returns the files that the links of `text` lead to.
fn targets(text: &str) -> Vec<&str> {
    let links =
        text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    links
        .filter(|target| {
            !target.contains("://") && !target.starts_with('#') && !target.contains(' ')
        })
        .map(|target| target.split_once('#').map_or(target, |(file, _)| file))
        .collect()
}

/// Resolves `..` by name, so that a link out of a folder that is not there is found too.
fn normal(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                result.pop();
            }
            Component::CurDir => {}
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_compared_in_order() {
        let text = format!(
            "# T\n\n{STEPS_HEADING}\n\n| step | what |\n|---|---|\n| `a` | x |\n| `b` | y |\n\n## N\n| `c` | |\n"
        );
        assert_eq!(compare_steps(&text, &["a", "b"]), Vec::<String>::new());
        assert_eq!(compare_steps(&text, &["b", "a"]).len(), 1);
        assert_eq!(compare_steps(&text, &["a", "b", "c"]).len(), 1);
        assert_eq!(compare_steps("", &["a"]).len(), 1);
    }

    #[test]
    fn names_are_the_ends_of_paths() {
        let line = "| `x.Y` | `safecopy::{copy, zero}`, `AlignedAddr<N>` on `IoExt` | as `z` |";
        assert_eq!(names_in_second_column(line), ["copy", "zero", "AlignedAddr", "IoExt"]);
        assert_eq!(names_in_second_column("text"), Vec::<&str>::new());
    }

    #[test]
    fn only_links_to_files_count() {
        let text = "[a](x.md) [b](../y.md#part) [c](https://z) [d](#here) f(g)(h) vec![0](i j)";
        assert_eq!(targets(text), ["x.md", "../y.md"]);
        assert_eq!(normal(Path::new("docs/decisions/../y.md")), Path::new("docs/y.md"));
    }
}
