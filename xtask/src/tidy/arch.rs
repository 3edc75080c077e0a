//! Code for one architecture: the same files for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

const ARCHITECTURES: &[&str] = &["x86_64", "aarch64"];

/// Checks that a file of one architecture is there for the other, and lies in a folder called `arch`.
pub(super) fn same_files(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut files = workspace.files("crates")?;
    files.extend(workspace.files("benches")?);
    Ok(check(&files))
}

fn check(files: &[PathBuf]) -> Vec<String> {
    // What is the same for each architecture → the architectures that have it.
    let mut sets: BTreeMap<PathBuf, BTreeSet<&str>> = BTreeMap::new();
    let mut messages = Vec::new();
    // What was measured on a machine is no code.
    for path in files.iter().filter(|path| !path.starts_with("benches/record")) {
        for &architecture in ARCHITECTURES {
            let Some(common) = common(path, architecture) else { continue };
            if !path.iter().any(|part| part == "arch") {
                messages.push(format!(
                    "{}: code for one architecture belongs in a folder called arch",
                    path.display()
                ));
            }
            sets.entry(common).or_default().insert(architecture);
        }
    }
    for (common, found) in sets {
        for architecture in ARCHITECTURES.iter().filter(|name| !found.contains(**name)) {
            messages.push(format!("{}: missing for {architecture}", common.display()));
        }
    }
    messages
}

/// Returns `path` with the architecture replaced by `*`, if a folder or the file is called after it.
fn common(path: &Path, architecture: &str) -> Option<PathBuf> {
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let is_named = |part: &String| {
        part.split_once('.').map_or(part.as_str(), |(stem, _)| stem) == architecture
    };
    parts
        .iter()
        .any(is_named)
        .then(|| parts.iter().map(|part| part.replace(architecture, "*")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn messages(files: &[&str], expected: &[&str]) {
        assert_eq!(check(&files.iter().map(PathBuf::from).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn sets_are_equal() {
        messages(&["a/arch/x86_64.rs", "a/arch/aarch64.rs", "a/arch/mod.rs"], &[]);
        messages(&["a/arch/x86_64/copy.rs", "a/arch/aarch64/copy.rs"], &[]);
    }

    #[test]
    fn records_of_one_architecture_are_no_code() {
        messages(&["benches/record/x86_64/2026-01-31.csv"], &[]);
    }

    #[test]
    fn a_missing_file_is_named() {
        messages(
            &["a/arch/x86_64/copy.rs", "a/arch/x86_64/zero.rs", "a/arch/aarch64/copy.rs"],
            &["a/arch/*/zero.rs: missing for aarch64"],
        );
        messages(
            &["a/src/aarch64.rs"],
            &[
                "a/src/aarch64.rs: code for one architecture belongs in a folder called arch",
                "a/src/*.rs: missing for x86_64",
            ],
        );
    }
}
