//! Dependencies between the crates of the workspace, and the rules that they obey.

use std::fmt;

use cargo_metadata::DependencyKind;

use super::table::{Layer, Place, find};
use crate::workspace::Workspace;

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "dependency",
            Self::Build => "build-dependency",
            Self::Dev => "dev-dependency",
        })
    }
}

/// A dependency of one crate of the workspace on another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) kind: Kind,
}

/// The crates of the workspace and the dependencies between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(crate) crates: Vec<String>,
    pub(crate) edges: Vec<Edge>,
}

impl Graph {
    /// Reads the graph from cargo's metadata. A dependency that comes from no registry counts, wherever its folder is.
    pub(crate) fn of(workspace: &Workspace) -> Self {
        let mut graph = Self::default();
        for package in workspace.packages() {
            graph.crates.push(package.name.to_string());
            for dependency in
                package.dependencies.iter().filter(|dependency| dependency.source.is_none())
            {
                let kind = match dependency.kind {
                    DependencyKind::Development => Kind::Dev,
                    DependencyKind::Build => Kind::Build,
                    _ => Kind::Normal,
                };
                graph.edges.push(Edge {
                    from: package.name.to_string(),
                    to: dependency.name.clone(),
                    kind,
                });
            }
        }
        graph.crates.sort();
        graph.edges.sort();
        graph
    }
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The crate is not in the rank table.
    Unknown(String),
    /// The rank table names a crate that is not there.
    Missing(&'static str),
    /// The edge is forbidden, by the rule given.
    Edge(Edge, String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(
                    f,
                    "{name}: not in the rank table; give it a row in xtask/src/layers/table.rs"
                )
            }
            Self::Missing(name) => write!(f, "{name}: in the rank table, but not in the workspace"),
            Self::Edge(edge, rule) => {
                write!(
                    f,
                    "{}: {} {} -> {} is forbidden: {rule}",
                    edge.from, edge.kind, edge.from, edge.to
                )
            }
        }
    }
}

/// Returns every rule that `graph` breaks.
pub(crate) fn check(layers: &[Layer], graph: &Graph) -> Vec<Violation> {
    let unknown = graph.crates.iter().filter(|name| find(layers, name).is_none());
    let missing = layers.iter().filter(|layer| !graph.crates.iter().any(|name| name == layer.name));
    let edges = graph
        .edges
        .iter()
        .filter_map(|edge| Some(Violation::Edge(edge.clone(), forbids(layers, edge)?)));
    unknown
        .map(|name| Violation::Unknown(name.clone()))
        .chain(missing.map(|layer| Violation::Missing(layer.name)))
        .chain(edges)
        .collect()
}

/// Returns the rule that forbids `edge`, if one does.
fn forbids(layers: &[Layer], edge: &Edge) -> Option<String> {
    // A crate without a row is reported once, as itself.
    let from = find(layers, &edge.from)?;
    let Some(to) = find(layers, &edge.to) else {
        return Some(format!("{} is not in the rank table", edge.to));
    };
    match (from.place, to.place, edge.kind) {
        (_, Place::Tool, _) => Some(format!("nothing depends on {}, which is a tool", to.name)),
        (Place::Tool, _, _) | (_, Place::TestOnly(_), Kind::Dev) => None,
        (_, Place::TestOnly(_), _) => Some(format!("{} may only be a dev-dependency", to.name)),
        (Place::TestOnly(allowed), _, _) if allowed.contains(&to.name) => None,
        (Place::TestOnly(allowed), _, _) => Some(format!("{} may depend only on {}", from.name, allowed.join(", "))),
        (Place::Rank(rank), Place::Rank(lower), Kind::Normal | Kind::Build) => (lower >= rank).then(|| {
            format!(
                "{} has rank {rank} and {} has rank {lower}; a crate depends only on crates of lower rank",
                from.name, to.name
            )
        }),
        (Place::Rank(rank), Place::Rank(lower), Kind::Dev) => (lower > rank).then(|| {
            format!(
                "{} has rank {rank} and {} has rank {lower}; a dev-dependency has at most its crate's rank",
                from.name, to.name
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::LAYERS;
    use super::*;

    fn graph(edges: &[(&str, &str, Kind)]) -> Graph {
        let edge = |&(from, to, kind): &(&str, &str, Kind)| Edge {
            from: from.into(),
            to: to.into(),
            kind,
        };
        Graph {
            crates: LAYERS.iter().map(|layer| layer.name.to_owned()).collect(),
            edges: edges.iter().map(edge).collect(),
        }
    }

    #[track_caller]
    fn messages(graph: &Graph, expected: &[&str]) {
        let found: Vec<String> = check(LAYERS, graph).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lower_ranks_are_allowed() {
        messages(
            &graph(&[
                ("mm", "memfile", Kind::Normal),
                ("syscalls", "usermem-types", Kind::Build),
                ("usermem", "syscalls", Kind::Normal),
                ("mm", "testkit", Kind::Dev),
                ("memfile", "hostfs", Kind::Dev),
                ("mm", "mm", Kind::Dev),
                ("testkit", "usermem-io", Kind::Normal),
                ("benches", "mm", Kind::Normal),
            ]),
            &[],
        );
    }

    #[test]
    fn a_file_system_must_not_reach_the_memory_manager() {
        messages(
            &graph(&[("hostfs", "mm", Kind::Normal)]),
            &[
                "hostfs: dependency hostfs -> mm is forbidden: hostfs has rank 4 and mm has rank 5; \
               a crate depends only on crates of lower rank",
            ],
        );
    }

    #[test]
    fn equal_rank_is_allowed_for_tests_only() {
        messages(
            &graph(&[
                ("memfile", "hostfs", Kind::Normal),
                ("hostfs", "platform", Kind::Build),
                ("hostfs", "kernel-task", Kind::Dev),
            ]),
            &[
                "memfile: dependency memfile -> hostfs is forbidden: memfile has rank 4 and hostfs has rank 4; \
                 a crate depends only on crates of lower rank",
                "hostfs: build-dependency hostfs -> platform is forbidden: hostfs has rank 4 and platform has rank 4; \
                 a crate depends only on crates of lower rank",
                "hostfs: dev-dependency hostfs -> kernel-task is forbidden: hostfs has rank 4 and kernel-task has rank 6; \
                 a dev-dependency has at most its crate's rank",
            ],
        );
    }

    #[test]
    fn test_crates_and_tools_stay_outside() {
        messages(
            &graph(&[
                ("mm", "testkit", Kind::Normal),
                ("testkit", "mm", Kind::Normal),
                ("usermem", "benches", Kind::Dev),
            ]),
            &[
                "mm: dependency mm -> testkit is forbidden: testkit may only be a dev-dependency",
                "testkit: dependency testkit -> mm is forbidden: \
                 testkit may depend only on usermem-types, safecopy, usermem-io",
                "usermem: dev-dependency usermem -> benches is forbidden: nothing depends on benches, which is a tool",
            ],
        );
    }

    #[test]
    fn crates_and_table_name_each_other() {
        let mut graph = graph(&[("mm", "util", Kind::Normal)]);
        graph.crates.retain(|name| name != "loader");
        graph.crates.push("util".to_owned());
        messages(
            &graph,
            &[
                "util: not in the rank table; give it a row in xtask/src/layers/table.rs",
                "loader: in the rank table, but not in the workspace",
                "mm: dependency mm -> util is forbidden: util is not in the rank table",
            ],
        );
    }
}
