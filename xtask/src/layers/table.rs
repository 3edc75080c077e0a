//! The rank table. Widening it is a visible diff.

/// A crate's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A crate of the system: depends only on lower ranks.
    Rank(u8),
    /// What tests are made of: a dev-dependency only, and itself built only on the crates named.
    TestOnly(&'static [&'static str]),
    /// A program about the workspace: nothing depends on it.
    Tool,
}

/// Where a crate may hold unsafe code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnsafeCode {
    /// Nowhere: the crate root says `#![forbid(unsafe_code)]`.
    Forbidden,
    /// In every file that opts in.
    Anywhere,
    /// In so many files, each of which opts in.
    Files(usize),
    /// In the modules named (a file or a folder below `src/`), in files that opt in.
    Modules(&'static [&'static str]),
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) unsafe_code: UnsafeCode,
    pub(crate) holds: &'static str,
}

const fn layer(
    name: &'static str,
    place: Place,
    unsafe_code: UnsafeCode,
    holds: &'static str,
) -> Layer {
    Layer { name, place, unsafe_code, holds }
}

use Place::{Rank, TestOnly, Tool};
use UnsafeCode::{Anywhere, Files, Forbidden, Modules};

/// The rank of a crate from which on tasks and memory managers can be named.
pub(crate) const KERNEL_RANK: u8 = 5;

/// Every crate of the workspace.
pub(crate) const LAYERS: &[Layer] = &[
    layer("usermem-types", Rank(0), Forbidden, "addresses, ranges, access types, error words"),
    layer("rangeset", Rank(0), Forbidden, "ordered sets and maps of ranges with gaps"),
    layer("safecopy", Rank(1), Anywhere, "access to memory that may fault or change"),
    layer(
        "biaslock",
        Rank(1),
        Modules(&["lock", "guard", "primitive", "lock_loom"]),
        "a lock that is read without locked instructions",
    ),
    layer("usermem-io", Rank(2), Forbidden, "Io, IoSequence and the copies built on them"),
    layer("memmap", Rank(3), Forbidden, "the words between a memory manager and its neighbours"),
    layer("memfile", Rank(4), Files(1), "pages of application memory, in a memfd"),
    layer("hostfs", Rank(4), Files(1), "host files, pipes, terminals: below the kernel"),
    layer(
        "platform",
        Rank(4),
        Modules(&["null", "mirror", "ptrace"]),
        "address spaces and running code in them",
    ),
    layer("mm", Rank(5), Forbidden, "MemoryManager: mappings, pages, faults"),
    layer("kernel-task", Rank(6), Forbidden, "Task, CurrentTask and their copies"),
    layer("loader", Rank(6), Forbidden, "programs into memory: ELF, scripts, the first stack"),
    layer("syscalls", Rank(7), Forbidden, "system calls"),
    layer("usermem", Rank(8), Forbidden, "the command"),
    layer(
        "testkit",
        TestOnly(&["usermem-types", "safecopy", "usermem-io"]),
        Forbidden,
        "oracle, generators, fixtures",
    ),
    layer(
        "diff-mm",
        TestOnly(&[
            "usermem-types",
            "safecopy",
            "usermem-io",
            "memmap",
            "memfile",
            "hostfs",
            "platform",
            "mm",
        ]),
        Modules(&["host"]),
        "scripts for the memory manager and the host's kernel",
    ),
    layer("xtask", Tool, Forbidden, "checks"),
    layer("benches", Tool, Files(1), "benchmarks"),
];

/// Returns the row of the crate called `name`.
pub(crate) fn find<'a>(layers: &'a [Layer], name: &str) -> Option<&'a Layer> {
    layers.iter().find(|layer| layer.name == name)
}
