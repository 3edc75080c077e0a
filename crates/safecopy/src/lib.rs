//! Every access to memory that may fault or change under our hands.
//!
//! # Foreign memory
//!
//! *Foreign memory* is memory that an untrusted program also sees: other threads and other
//! processes write it at any time, and a page of it may vanish or lose a permission in the middle
//! of an access. No Rust reference to it ever exists, and the compiler is never told of it: it is
//! named by a [`Block`] and touched only by the assembly in `arch`, whose faults come back as a
//! [`HostFault`] with an exact count.
//!
//! # Accesses
//!
//! | | one block | many blocks |
//! |---|---|---|
//! | copy | [`copy()`], [`copy_to_uninit`] | [`copy_seq`] |
//! | zero | [`zero()`] | [`zero_seq`] |
//! | one word | [`atomic`] | |
//! | from a source, into a sink | | [`Reader`], [`Writer`] |
//!
//! Counts are exact: what an access reports as done has arrived, byte for byte, and is a prefix of
//! what was asked for; the address of a fault is that of the next byte.
//!
//! # Faults
//!
//! [`init`] installs the signal handler that turns faults into errors, once for the process.
//! Which instructions copy is chosen then; [`BackEnd`] overrides the choice.
//!
//! ```
//! use safecopy::{DstBlock, HostFault, SrcBlock, copy};
//! use usermem_types::{FaultKind, Partial};
//!
//! safecopy::init()?;
//! // No Rust object lies in the first page, where nothing is mapped.
//! let nothing = unsafe { SrcBlock::from_raw(std::ptr::without_provenance_mut(0x10), 100) };
//! let mut own = [0; 100];
//! let fault = HostFault { kind: FaultKind::Unmapped, addr: 0x10 };
//! assert_eq!(copy(DstBlock::from_slice(&mut own), nothing), Err(Partial::new(0, fault)));
//! # Ok::<(), safecopy::InitError>(())
//! ```

mod access;
mod action;
#[cfg_attr(target_arch = "x86_64", path = "arch/x86_64/mod.rs")]
#[cfg_attr(target_arch = "aarch64", path = "arch/aarch64/mod.rs")]
mod arch;
pub mod atomic;
mod back_end;
mod block;
mod block_stream;
mod claim;
#[cfg(all(test, loom))]
mod claim_loom;
mod copy;
mod fault;
mod fn_stream;
mod handler;
mod installation;
mod iovec;
mod previous;
mod primitive;
mod recovery;
mod seq;
mod slice_stream;
mod std_stream;
mod stop;
mod stream;
#[cfg(test)]
mod test_memory;
mod vec_stream;
mod zero;

pub use back_end::BackEnd;
pub use block::{Block, Destination, DstBlock, Source, SrcBlock};
pub use block_stream::{BlockSeqReader, BlockSeqWriter};
pub use copy::{copy, copy_to_uninit};
pub use fault::HostFault;
pub use fn_stream::{ReaderFn, WriterFn};
pub use installation::{InitError, Status, init, status};
pub use iovec::IoVecs;
pub use seq::{BlockSeq, BlockSeqIter, DstBlockSeq, SrcBlockSeq, copy_seq, zero_seq};
pub use slice_stream::{SliceReader, SliceWriter};
pub use std_stream::{
    FromReadAt, FromStdRead, FromStdReadVectored, FromStdWrite, FromStdWriteVectored, FromWriteAt,
    ToStdRead, ToStdWrite,
};
pub use stream::{Reader, StreamError, Writer, read_full, write_full};
pub use vec_stream::VecWriter;
pub use zero::zero;
