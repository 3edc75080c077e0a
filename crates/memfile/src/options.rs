//! What callers choose.

use std::fmt;

use usermem_types::{Errno, PageSize};

/// How a [`MemoryFile`](crate::MemoryFile) is set up.
#[derive(Clone, Copy, Debug)]
pub struct MemoryFileOptions {
    /// The granule of every allocation; a multiple of the host's page size.
    pub page_size: PageSize,
    /// The most bytes that may be charged at one time; `None` for no limit.
    pub limit: Option<u64>,
    /// Bytes of host address space to reserve, which is also the most the file can hold. When the
    /// host refuses, half of it is tried, and so on.
    pub reservation: u64,
    /// Bytes of freed pages that are kept to be zeroed by hand and used again, which is cheaper
    /// than giving them back to the host. When there are more, a quarter of them goes.
    pub recycle_budget: u64,
}

impl Default for MemoryFileOptions {
    fn default() -> Self {
        Self { page_size: PageSize::K4, limit: None, reservation: 1 << 42, recycle_budget: 8 << 20 }
    }
}

/// The end of a free run from which pages are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// The lowest offsets first.
    #[default]
    BottomUp,
    /// The highest offsets first.
    TopDown,
}

/// When the pages of an allocation get memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commit {
    /// When they are first touched.
    #[default]
    Lazy,
    /// The caller is about to touch all of them, so pages that still have memory may be used again.
    CallerTouches,
    /// The caller is about to write every byte, before anyone else can see the pages: they may be
    /// used again with what their last owner left in them. What is not written after all must be
    /// dropped.
    CallerOverwrites,
    /// Before the allocation returns.
    Now,
}

/// How pages are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocOpts {
    /// The end to prefer.
    pub direction: Direction,
    /// The offset where the allocation should start, or with [`Direction::TopDown`] end, so that
    /// it continues an earlier one and the host can merge their mappings.
    pub near: Option<u64>,
    /// The address where the pages will be shown. When there is nothing to continue, an
    /// allocation of a huge page or more lies as far from the boundary of one as the address does,
    /// if that can be had: the host can then use huge pages, where it does so for memory files.
    pub shown_at: Option<u64>,
    /// Has each whole huge page of the allocation backed by one at once, if it lies where `shown_at`
    /// wants it and the host has one; otherwise pages get memory as `commit` says.
    pub huge: bool,
    /// When the pages get memory.
    pub commit: Commit,
}

/// Why a memory file could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryFileError {
    /// The host gave no memfd.
    Create(Errno),
    /// The host refused to protect the memfd from those who get its descriptor.
    Seal(Errno),
    /// The limit on the size of files, of so many bytes, leaves no room for application memory.
    FileSizeLimit(u64),
    /// The host had no room for the smallest useful reservation.
    Reserve(Errno),
}

impl fmt::Display for MemoryFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(errno) => write!(f, "cannot create a memfd: {errno}"),
            Self::Seal(errno) => write!(f, "cannot seal a memfd: {errno}"),
            Self::FileSizeLimit(limit) => {
                write!(
                    f,
                    "the file size limit of {limit} bytes is too low for application memory; "
                )?;
                f.write_str("raise it with ulimit -f")
            }
            Self::Reserve(errno) => {
                write!(f, "cannot reserve address space for application memory: {errno}")
            }
        }
    }
}

impl std::error::Error for MemoryFileError {}
