//! Atomic accesses to a 32-bit word, such as a futex.
#![expect(unsafe_code, reason = "blocks become pointers here")]

use usermem_types::FaultKind;

use crate::arch::{self, Stop};
use crate::fault::Cause;
use crate::{Block, DstBlock, HostFault, SrcBlock};

/// Loads the word at the start of a block, with acquire ordering.
///
/// # Errors
/// The fault. [`FaultKind::Misaligned`] comes before any other and touches nothing.
///
/// # Panics
/// When the block is shorter than the word: how long a block is, is for its maker to say, and
/// never for the application.
#[inline]
pub fn load_u32(src: SrcBlock<'_>) -> Result<u32, HostFault> {
    let ptr = word_of(src)?;
    // SAFETY: 1. is what holding the block proves; the alignment was checked.
    let (stop, value) = unsafe { arch::load_u32(ptr) };
    result(ptr, stop, value)
}

/// Swaps the word at the start of a block and returns the old one, with acquire and release
/// ordering.
///
/// # Errors
/// The fault. [`FaultKind::Misaligned`] comes before any other and touches nothing.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn swap_u32(dst: DstBlock<'_>, new: u32) -> Result<u32, HostFault> {
    let ptr = word_of(dst)?;
    // SAFETY: 1. is what holding the block proves; the alignment was checked.
    let (stop, old) = unsafe { arch::swap_u32(ptr, new) };
    result(ptr, stop, old)
}

/// Stores `new` in the word at the start of a block if it is `expected`, and returns what it was,
/// with acquire and release ordering.
///
/// # Errors
/// The fault; memory that may not be written faults whether or not the comparison succeeds.
/// [`FaultKind::Misaligned`] comes before any other and touches nothing.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn compare_exchange_u32(dst: DstBlock<'_>, expected: u32, new: u32) -> Result<u32, HostFault> {
    let ptr = word_of(dst)?;
    // SAFETY: 1. is what holding the block proves; the alignment was checked.
    let (stop, previous) = unsafe { arch::compare_exchange_u32(ptr, expected, new) };
    result(ptr, stop, previous)
}

/// Returns a pointer to the first word of a block.
#[inline]
fn word_of<M>(block: Block<'_, M>) -> Result<*mut u32, HostFault> {
    assert!(block.len() >= size_of::<u32>(), "our own invariant: the block holds a word");
    let ptr = block.as_ptr().cast::<u32>();
    if ptr.is_aligned() {
        Ok(ptr)
    } else {
        Err(HostFault { kind: FaultKind::Misaligned, addr: ptr.addr() })
    }
}

#[inline]
fn result(ptr: *mut u32, stop: Stop, value: u32) -> Result<u32, HostFault> {
    if stop.info == 0 {
        return Ok(value);
    }
    Err(HostFault { kind: Cause::from_info(stop.info).kind(), addr: ptr.addr() })
}
