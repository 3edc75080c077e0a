//! Where files are and what manifests say.

use crate::workspace::{Workspace, name};

/// Everything at the top level: visible entries are for people, hidden ones for tools.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".gitignore",
    ".rustfmt.toml",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "crates",
    "docs",
    "rust-toolchain.toml",
    "xtask",
];

/// Starts of absolute paths that exist on one machine only. (Split, so that this file does not name them.)
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/main"),
    concat!("/wo", "rk/shared"),
    concat!("/ro", "ot/."),
    concat!("/ho", "me/"),
    concat!("/tmp/te", "am"),
    concat!("/tmp/ta", "rget"),
];

/// Checks the names at the top level.
pub(super) fn top_level(workspace: &Workspace) -> Result<Vec<String>, String> {
    Ok(compare(&workspace.top_level()?, TOP_LEVEL))
}

fn compare(found: &[String], expected: &[&str]) -> Vec<String> {
    let extra = found.iter().filter(|name| !expected.contains(&name.as_str()));
    let missing = expected.iter().filter(|name| !found.iter().any(|found| found == *name));
    extra
        .map(|name| format!("{name}: does not belong at the top level"))
        .chain(missing.map(|name| format!("{name}: missing at the top level")))
        .collect()
}

/// Checks that a folder below `crates/` is called like its crate, which is unpublished and takes the workspace's lints.
pub(super) fn manifests(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut messages = Vec::new();
    for package in workspace.packages() {
        let manifest = package.manifest_path.as_std_path();
        let folder = manifest.parent().map(name).unwrap_or_default();
        if folder != package.name.as_str() {
            messages.push(format!(
                "{folder}: holds a crate called {}; give both one name",
                package.name
            ));
        }
        if package.publish.as_ref().is_none_or(|registries| !registries.is_empty()) {
            messages.push(format!("{}: say `publish.workspace = true`", package.name));
        }
        let text = std::fs::read_to_string(manifest)
            .map_err(|error| format!("{}: {error}", manifest.display()))?;
        if !text.contains("[lints]\nworkspace = true") {
            messages.push(format!("{}: say `[lints] workspace = true`", package.name));
        }
    }
    Ok(messages)
}

/// Checks that no text holds what a merge could not decide.
pub(super) fn conflict_markers(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut messages = Vec::new();
    for path in workspace.files("")? {
        let Some(text) = workspace.read(&path)? else { continue };
        let marked = text.lines().enumerate().filter(|(_, line)| is_conflict_marker(line));
        messages.extend(marked.map(|(number, _)| {
            format!("{}:{}: a conflict of a merge; decide it", path.display(), number + 1)
        }));
    }
    Ok(messages)
}

fn is_conflict_marker(line: &str) -> bool {
    ["<<<<<<<", ">>>>>>>", "|||||||"].iter().any(|mark| {
        line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

/// Checks that no text names a machine's own paths.
pub(super) fn machine_paths(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut messages = Vec::new();
    for path in workspace.files("")? {
        let Some(text) = workspace.read(&path)? else { continue };
        for (number, line) in text.lines().enumerate() {
            if let Some(found) = MACHINE_PATHS.iter().find(|start| line.contains(**start)) {
                messages.push(format!("{}:{}: names `{found}…`", path.display(), number + 1));
            }
        }
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_level_is_compared_both_ways() {
        let found = ["Cargo.toml", "scripts"].map(str::to_owned);
        assert_eq!(
            compare(&found, &["Cargo.toml", "docs"]),
            ["scripts: does not belong at the top level", "docs: missing at the top level"]
        );
    }
    #[test]
    fn conflict_markers_are_told_from_rules_and_quotes() {
        let marks = ["<<<<<<< HEAD", ">>>>>>> topic", "|||||||"];
        assert!(marks.iter().all(|line| is_conflict_marker(line)));
        let others = ["=======", "<<<<<<<<", ">> quoted", "a <<<<<<< b"];
        assert!(!others.iter().any(|line| is_conflict_marker(line)));
    }
}
