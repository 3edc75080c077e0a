//! Where unsafe code may be: crate roots that forbid it, files that opt in.

use std::path::{Path, PathBuf};

use super::table::{Layer, UnsafeCode};
use crate::workspace::Workspace;

/// What a crate root says when the crate holds no unsafe code.
const FORBID: &str = "#![forbid(unsafe_code)]";

/// A source file: its path below the crate's folder, and its text.
type Source = (PathBuf, String);

/// Returns a message for each crate or file of the workspace that breaks its row's rule.
///
/// # Errors
///
/// When a file cannot be read.
pub(crate) fn check(workspace: &Workspace, layers: &[Layer]) -> Result<Vec<String>, String> {
    let mut messages = Vec::new();
    for layer in layers {
        let folder = match layer.name {
            "xtask" | "benches" => layer.name.to_owned(),
            name => format!("crates/{name}"),
        };
        let mut sources = Vec::new();
        for path in workspace.files(&folder)? {
            if path.extension().is_some_and(|extension| extension == "rs")
                && let Some(text) = workspace.read(&path)?
            {
                sources
                    .push((path.strip_prefix(&folder).map_or(path.clone(), Path::to_owned), text));
            }
        }
        messages.extend(check_crate(layer, &sources));
    }
    Ok(messages)
}

fn check_crate(layer: &Layer, sources: &[Source]) -> Vec<String> {
    let name = layer.name;
    let opted_in: Vec<&Path> =
        sources.iter().filter(|(_, text)| opts_in(text)).map(|(path, _)| path.as_path()).collect();
    let show = |path: &Path| path.display().to_string();
    match layer.unsafe_code {
        UnsafeCode::Anywhere => Vec::new(),
        UnsafeCode::Forbidden => {
            let roots = ["src/lib.rs", "src/main.rs"].map(Path::new);
            let open = sources
                .iter()
                .filter(|(path, text)| roots.contains(&path.as_path()) && !forbids(text));
            let open =
                open.map(|(path, _)| format!("{name}: {} does not say {FORBID}", show(path)));
            // Its tests may: they map memory that faults.
            let holds = opted_in.iter().filter(|path| path.starts_with("src")).map(|path| {
                format!("{name}: {} opts in to unsafe code; the crate holds none", show(path))
            });
            open.chain(holds).collect()
        }
        UnsafeCode::Files(most) if opted_in.len() <= most => Vec::new(),
        UnsafeCode::Files(most) => {
            let files = opted_in.iter().map(|path| show(path)).collect::<Vec<_>>().join(", ");
            vec![format!(
                "{name}: unsafe code in {} files, at most {most} may hold it: {files}",
                opted_in.len()
            )]
        }
        UnsafeCode::Modules(modules) => {
            let outside = opted_in.iter().filter(|path| !is_in(path, modules));
            outside
                .map(|path| {
                    format!(
                        "{name}: {} opts in to unsafe code; only {} may",
                        show(path),
                        modules.join(", ")
                    )
                })
                .collect()
        }
    }
}

/// Whether `path` is `src/MODULE.rs` or below `src/MODULE/`, for one of `modules`.
fn is_in(path: &Path, modules: &[&str]) -> bool {
    let mut components = path.iter().map(|component| component.to_string_lossy().into_owned());
    if components.next().as_deref() != Some("src") {
        return false;
    }
    let module = components.next().unwrap_or_default();
    modules.contains(&module.trim_end_matches(".rs"))
}

fn forbids(text: &str) -> bool {
    text.lines().any(|line| line.trim() == FORBID)
}

/// Whether a file lifts the workspace's `unsafe_code = "deny"`, for itself or for one item.
fn opts_in(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| {
        line.starts_with('#')
            && (line.contains("expect(unsafe_code") || line.contains("allow(unsafe_code"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::table::Place;
    use super::*;

    const OPT_IN: &str = "#![expect(unsafe_code, reason = \"maps\")]\nfn f() {}\n";
    const OPEN: &str = "//! Docs.\nmod a;\n";

    #[track_caller]
    fn messages(unsafe_code: UnsafeCode, sources: &[(&str, &str)], expected: &[&str]) {
        let layer = Layer { name: "demo", place: Place::Rank(0), unsafe_code, holds: "" };
        let sources: Vec<Source> =
            sources.iter().map(|&(path, text)| (path.into(), text.to_owned())).collect();
        assert_eq!(check_crate(&layer, &sources), expected);
    }

    #[test]
    fn a_crate_without_unsafe_code_forbids_it() {
        messages(UnsafeCode::Forbidden, &[("src/lib.rs", FORBID)], &[]);
        messages(
            UnsafeCode::Forbidden,
            &[("src/lib.rs", OPEN), ("src/a.rs", OPT_IN)],
            &[
                "demo: src/lib.rs does not say #![forbid(unsafe_code)]",
                "demo: src/a.rs opts in to unsafe code; the crate holds none",
            ],
        );
        let test = ("tests/it/pages.rs", OPT_IN);
        messages(UnsafeCode::Forbidden, &[("src/lib.rs", FORBID), test], &[]);
    }

    #[test]
    fn files_are_counted() {
        messages(UnsafeCode::Files(1), &[("src/lib.rs", OPEN), ("src/a.rs", OPT_IN)], &[]);
        messages(
            UnsafeCode::Files(1),
            &[("src/a.rs", OPT_IN), ("src/b.rs", OPT_IN)],
            &["demo: unsafe code in 2 files, at most 1 may hold it: src/a.rs, src/b.rs"],
        );
    }

    #[test]
    fn modules_are_named() {
        let modules = UnsafeCode::Modules(&["ptrace"]);
        messages(modules, &[("src/ptrace/stub.rs", OPT_IN), ("src/ptrace.rs", OPT_IN)], &[]);
        messages(
            modules,
            &[("src/regs.rs", OPT_IN), ("tests/ptrace.rs", OPT_IN)],
            &[
                "demo: src/regs.rs opts in to unsafe code; only ptrace may",
                "demo: tests/ptrace.rs opts in to unsafe code; only ptrace may",
            ],
        );
    }
}
