//! What no compiler checks.
//!
//! Each rule is a function from the workspace to messages, and each message says what to do. There is no list of
//! exceptions.

mod arch;
mod code_map;
mod documents;
mod examples;
mod fuzz_targets;
mod layout;
mod pitfalls;

use crate::workspace::Workspace;

/// A rule: its name and its check.
type Rule = (&'static str, fn(&Workspace) -> Result<Vec<String>, String>);

const RULES: &[Rule] = &[
    ("the top level is exactly what docs/architecture.md says", layout::top_level),
    ("manifests agree with their folders", layout::manifests),
    ("no file names a place on somebody's machine", layout::machine_paths),
    ("no merge was left undecided", layout::conflict_markers),
    ("every architecture has the same files", arch::same_files),
    ("every public type of the lower crates has an example", examples::on_every_type),
    ("fuzz targets only call an oracle", fuzz_targets::are_small),
    ("docs/testing.md describes every step of cargo xtask ci", documents::steps),
    ("the code map in docs/architecture.md is true", code_map::is_true),
    ("docs/origin-map.md names items that we have", documents::origin_map),
    ("links between documents lead somewhere", documents::links),
    ("every pitfall has its test, or its reason in docs/testing.md", pitfalls::covered),
];

/// Checks every rule.
///
/// # Errors
///
/// Lists every broken rule with its places.
pub(crate) fn run(workspace: &Workspace) -> Result<(), String> {
    let mut broken = Vec::new();
    for (name, check) in RULES {
        let messages = check(workspace)?;
        println!("{} {name}", if messages.is_empty() { "ok    " } else { "BROKEN" });
        broken.extend(messages);
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(format!("the tree is untidy:\n  {}", broken.join("\n  ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        assert_eq!(run(&Workspace::find().unwrap()), Ok(()));
    }
}
