//! The names of flags.

/// A name and its bits.
type Words = &'static [(&'static str, u64)];

/// `PROT_*`.
pub(crate) const PROT: Words = &[
    ("rwx", 7),
    ("rw", 3),
    ("rx", 5),
    ("r", 1),
    ("w", 2),
    ("x", 4),
    ("sem", 8),
    ("growsdown", 0x100_0000),
    ("growsup", 0x200_0000),
];

/// `MAP_*`.
pub(crate) const MAP: Words = &[
    ("shared_validate", 3),
    ("shared", 1),
    ("private", 2),
    ("fixed", 0x10),
    ("anonymous", 0x20),
    ("32bit", 0x40),
    ("growsdown", 0x100),
    ("denywrite", 0x800),
    ("executable", 0x1000),
    ("locked", 0x2000),
    ("noreserve", 0x4000),
    ("populate", 0x8000),
    ("nonblock", 0x1_0000),
    ("stack", 0x2_0000),
    ("hugetlb", 0x4_0000),
    ("sync", 0x8_0000),
    ("fixed_noreplace", 0x10_0000),
];

/// `MREMAP_*`.
pub(crate) const MREMAP: Words = &[("maymove", 1), ("fixed", 2), ("dontunmap", 4)];

/// `MLOCK_*`.
pub(crate) const MLOCK: Words = &[("onfault", 1)];

/// `MCL_*`.
pub(crate) const MCL: Words = &[("current", 1), ("future", 2), ("onfault", 4)];

/// `MS_*`.
pub(crate) const MS: Words = &[("async", 1), ("invalidate", 2), ("sync", 4)];

/// `MADV_*`.
pub(crate) const MADV: Words = &[
    ("normal", 0),
    ("random", 1),
    ("sequential", 2),
    ("willneed", 3),
    ("dontneed", 4),
    ("free", 8),
    ("remove", 9),
    ("dontfork", 10),
    ("dofork", 11),
    ("mergeable", 12),
    ("unmergeable", 13),
    ("hugepage", 14),
    ("nohugepage", 15),
    ("dontdump", 16),
    ("dodump", 17),
    ("wipeonfork", 18),
    ("keeponfork", 19),
    ("cold", 20),
    ("pageout", 21),
    ("populate_read", 22),
    ("populate_write", 23),
    ("dontneed_locked", 24),
    ("collapse", 25),
    ("guard_install", 102),
    ("guard_remove", 103),
];

/// The files of a script, by the number that stands for them.
pub(crate) const FILES: Words = &[("anon", 0), ("a", 1), ("b", 2), ("a_readonly", 3)];
