//! The layers as a picture.

use std::fmt::Write as _;

use super::graph::{Graph, Kind};
use super::table::{KERNEL_RANK, Layer, Place};

/// Draws the crates by rank, highest first, each with what it depends on.
pub(crate) fn draw(layers: &[Layer], graph: &Graph) -> String {
    let mut text = String::new();
    let mut previous = None;
    for layer in by_rank(layers) {
        let rank = rank(layer);
        if previous.is_some_and(|above| above >= Some(KERNEL_RANK))
            && rank < Some(KERNEL_RANK)
            && rank.is_some()
        {
            text.push_str(
                "  ──┼── below this line no crate can name a task or a memory manager ──\n",
            );
        }
        if previous.is_some() && rank.is_none() && previous != Some(None) {
            text.push_str("    │\n");
        }
        let label = if previous == Some(rank) {
            String::new()
        } else {
            rank.map_or("–".to_owned(), |rank| rank.to_string())
        };
        line(&mut text, &label, layer, graph);
        previous = Some(rank);
    }
    text
}

fn line(text: &mut String, label: &str, layer: &Layer, graph: &Graph) {
    let needs = needs(layer, graph);
    let needs = if needs.is_empty() { String::new() } else { format!("  → {needs}") };
    writeln!(text, "{label:>3} │ {:<13} {}{needs}", layer.name, layer.holds)
        .expect("writing to a string does not fail");
}

/// Highest rank first, what has none at the end; within a rank as in the table.
fn by_rank(layers: &[Layer]) -> Vec<&Layer> {
    let mut sorted: Vec<&Layer> = layers.iter().collect();
    sorted.sort_by_key(|layer| std::cmp::Reverse(rank(layer)));
    sorted
}

fn rank(layer: &Layer) -> Option<u8> {
    match layer.place {
        Place::Rank(rank) => Some(rank),
        Place::TestOnly(_) | Place::Tool => None,
    }
}

fn needs(layer: &Layer, graph: &Graph) -> String {
    let edges = graph.edges.iter().filter(|edge| edge.from == layer.name && edge.kind != Kind::Dev);
    edges.map(|edge| edge.to.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::graph::Edge;
    use super::super::table::UnsafeCode;
    use super::*;

    #[test]
    fn highest_rank_is_on_top() {
        let layer =
            |name, place, holds| Layer { name, place, unsafe_code: UnsafeCode::Forbidden, holds };
        let layers = [
            layer("types", Place::Rank(0), "words"),
            layer("files", Place::Rank(4), "files"),
            layer("pages", Place::Rank(4), "pages"),
            layer("mm", Place::Rank(5), "memory"),
            layer("kit", Place::Tool, "tests"),
        ];
        let edge = |from: &str, to: &str, kind| Edge { from: from.into(), to: to.into(), kind };
        let edges = vec![
            edge("mm", "files", Kind::Normal),
            edge("mm", "pages", Kind::Normal),
            edge("pages", "types", Kind::Normal),
            edge("pages", "kit", Kind::Dev),
        ];
        let expected = "\x20 5 │ mm            memory  → files pages
  ──┼── below this line no crate can name a task or a memory manager ──
  4 │ files         files
    │ pages         pages  → types
  0 │ types         words
    │
  – │ kit           tests
";
        assert_eq!(draw(&layers, &Graph { crates: Vec::new(), edges }), expected);
    }
}
