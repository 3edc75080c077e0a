//! The code map of the architecture page.

use std::path::Path;

use super::documents::section;
use crate::workspace::Workspace;

/// The section of `docs/architecture.md` with a row for each folder of code; the second column names files of it.
const HEADING: &str = "## Code map";

/// Checks that every crate has a row, and that every file that a row names is there.
pub(super) fn is_true(workspace: &Workspace) -> Result<Vec<String>, String> {
    let text = workspace.document("docs/architecture.md");
    let rows: Vec<(&str, Vec<&str>)> = section(&text, HEADING).filter_map(row).collect();
    let mut messages = Vec::new();
    for package in workspace.packages() {
        let folder = package.manifest_path.as_std_path().parent().unwrap_or(Path::new(""));
        let folder =
            folder.strip_prefix(workspace.root()).unwrap_or(folder).to_string_lossy().into_owned();
        let Some((_, named)) = rows.iter().find(|(name, _)| *name == folder) else {
            messages.push(format!("docs/architecture.md: no row for {folder} below `{HEADING}`"));
            continue;
        };
        let files = workspace.files(&folder)?;
        for name in named.iter().filter(|name| !files.iter().any(|file| is_called(file, name))) {
            messages.push(format!("docs/architecture.md: {folder} has no {name}"));
        }
    }
    Ok(messages)
}

/// Whether the last components of `file` are those of `name`, which is a file (`map.rs`) or a folder (`arch/`).
fn is_called(file: &Path, name: &str) -> bool {
    match name.strip_suffix('/') {
        Some(folder) => file.iter().any(|part| part == folder),
        None => file.ends_with(name),
    }
}

/// Returns the folder that a row is about and the files that it names.
fn row(line: &str) -> Option<(&str, Vec<&str>)> {
    let (folder, rest) = line.strip_prefix("| `")?.split_once('`')?;
    let quoted = rest.split('`').skip(1).step_by(2);
    Some((folder, quoted.filter(|name| name.ends_with(".rs") || name.ends_with('/')).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_name_files_and_folders() {
        let line = "| `crates/mm` | `map.rs` maps, `Io` in `io.rs`, one each in `arch/` |";
        assert_eq!(row(line), Some(("crates/mm", vec!["map.rs", "io.rs", "arch/"])));
        assert_eq!(row("| folder | files |"), None);
    }

    #[test]
    fn names_match_whole_components() {
        let file = Path::new("crates/x/src/arch/copy.rs");
        assert!(
            is_called(file, "copy.rs")
                && is_called(file, "arch/copy.rs")
                && is_called(file, "arch/")
        );
        assert!(!is_called(file, "opy.rs") && !is_called(file, "other/"));
    }
}
