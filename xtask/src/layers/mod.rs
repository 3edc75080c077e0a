//! The layer rules: which crate may depend on which, and where unsafe code may be.

mod diagram;
mod graph;
mod table;
mod unsafe_code;

use crate::workspace::Workspace;

/// Checks the layers of the workspace and prints them as a diagram.
///
/// # Errors
///
/// Lists every forbidden edge, crate without a rank and file with unsafe code where none may be.
pub(crate) fn run(workspace: &Workspace) -> Result<(), String> {
    let graph = graph::Graph::of(workspace);
    print!("{}", diagram::draw(table::LAYERS, &graph));
    let mut violations: Vec<String> =
        graph::check(table::LAYERS, &graph).iter().map(ToString::to_string).collect();
    violations.extend(unsafe_code::check(workspace, table::LAYERS)?);
    if violations.is_empty() {
        println!(
            "\n{} dependencies between {} crates, all allowed.",
            graph.edges.len(),
            graph.crates.len()
        );
        return Ok(());
    }
    Err(format!("the layer rules are broken:\n  {}", violations.join("\n  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_the_layer_rules() {
        let workspace = Workspace::find().unwrap();
        assert_eq!(run(&workspace), Ok(()));
    }
}
