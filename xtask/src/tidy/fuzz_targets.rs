//! Fuzz targets: everything but the call belongs in a crate that is tested without a fuzzer too.

use std::path::{Path, PathBuf};

use crate::fuzz::FOLDER;
use crate::workspace::{Workspace, name};

/// A target has fewer lines than this.
const TOO_LONG: usize = 20;

/// Checks that targets are short, call the oracle that they are named after, and are known to cargo.
pub(super) fn are_small(workspace: &Workspace) -> Result<Vec<String>, String> {
    let manifest = workspace.document(&format!("{FOLDER}/Cargo.toml"));
    let mut messages = Vec::new();
    for path in workspace.files(&format!("{FOLDER}/fuzz_targets"))? {
        let text = workspace.read(&path)?.unwrap_or_default();
        messages.extend(check(&path, &text, &manifest));
    }
    Ok(messages)
}

fn check(path: &Path, text: &str, manifest: &str) -> Vec<String> {
    let target = name(&PathBuf::from(path).with_extension(""));
    let rules = [
        (text.lines().count() < TOO_LONG, format!("has {TOO_LONG} lines or more; move them")),
        (
            text.contains(&format!("testkit::fuzz::{target}(")),
            format!("does not call testkit::fuzz::{target}"),
        ),
        (
            manifest.contains(&format!("[[bin]]\nname = \"{target}\"")),
            "is not in the manifest".to_owned(),
        ),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, message)| format!("{}: {message}", path.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[[bin]]\nname = \"a\"\npath = \"fuzz_targets/a.rs\"\n";
    const CALL: &str = "fuzz_target!(|data: &[u8]| testkit::fuzz::a(data));\n";

    #[track_caller]
    fn messages(text: &str, manifest: &str, expected: &[&str]) {
        assert_eq!(check(Path::new("f/a.rs"), text, manifest), expected);
    }

    #[test]
    fn a_target_is_one_call() {
        messages(CALL, MANIFEST, &[]);
        messages("", MANIFEST, &["f/a.rs: does not call testkit::fuzz::a"]);
        messages(CALL, "", &["f/a.rs: is not in the manifest"]);
    }

    #[test]
    fn nineteen_lines_are_enough() {
        messages(&format!("{CALL}{}", "\n".repeat(18)), MANIFEST, &[]);
        messages(
            &format!("{CALL}{}", "\n".repeat(19)),
            MANIFEST,
            &["f/a.rs: has 20 lines or more; move them"],
        );
    }
}
