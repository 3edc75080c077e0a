//! Atomic accesses to a word of application memory, such as a futex.
//!
//! Each works on the first bytes of a block, as many as the [`Word`] has, and is one access for
//! every other thread and process, whatever instructions they use on their side. A [`WordBlock`] is
//! for a word that is accessed more than once: that a block holds one is checked when it is made.
//!
//! # Ordering
//!
//! [`load`] acquires, [`store`] releases, the others acquire and release. A processor may do more;
//! that is not promised.
//!
//! # Faults
//!
//! A word that is not aligned to its size is a [`Misaligned`](usermem_types::FaultKind::Misaligned)
//! fault before anything is touched, mapped or not. A fault stores nothing. All but [`load`] need memory that may be written, even a
//! [`compare_exchange`] that finds something else than it expected, and a `fetch_or` of nothing:
//! the same on every processor and with every [back end](crate::BackEnd).
//!
//! # Progress
//!
//! No access waits for another thread. Where the processor has no single instruction for one, it
//! is a loop that goes round again only when somebody else stored to the word (or, without LSE on
//! aarch64, near it) in the few instructions between its load and its store.
//!
//! ```
//! use safecopy::{DstBlock, atomic};
//!
//! #[repr(align(4))]
//! struct Word([u8; 4]);
//!
//! let mut word = Word(5_u32.to_ne_bytes());
//! let block = DstBlock::from_slice(&mut word.0);
//! assert_eq!(atomic::load::<u32>(block.as_source()), Ok(5));
//! assert_eq!(atomic::fetch_add(block, 2_u32), Ok(5));
//! assert_eq!(atomic::compare_exchange(block, 7_u32, 1), Ok(7));
//! assert_eq!(atomic::swap(block, 9_u32), Ok(1));
//! ```

use std::fmt;

use crate::access::Access;
use crate::{DstBlock, HostFault, SrcBlock};

mod word_block;

pub use word_block::{DstWord, SrcWord, WordBlock};

/// An unsigned integer that this crate can access atomically: `u8`, `u16`, `u32` or `u64`.
///
/// Sealed: a type that the accesses do not know cannot be one.
///
/// ```
/// use safecopy::{DstBlock, HostFault, atomic};
///
/// /// Increments a counter of any size.
/// fn count<W: atomic::Word + From<u8>>(counter: DstBlock<'_>) -> Result<W, HostFault> {
///     atomic::fetch_add(counter, W::from(1))
/// }
///
/// let mut bytes = [255];
/// assert_eq!(count::<u8>(DstBlock::from_slice(&mut bytes)), Ok(255));
/// assert_eq!(bytes, [0]);
/// ```
pub trait Word: Access + Copy + Eq + Ord + fmt::Debug + Send + Sync + 'static {}

impl Word for u8 {}
impl Word for u16 {}
impl Word for u32 {}
impl Word for u64 {}

/// Loads a word.
///
/// ```
/// use safecopy::{SrcBlock, atomic};
///
/// assert_eq!(atomic::load::<u8>(SrcBlock::from_slice(&[5])), Ok(5));
/// ```
///
/// # Errors
/// The fault.
///
/// # Panics
/// When the block is shorter than the word: how long a block is, is for its maker to say, and
/// never for the application.
#[inline]
pub fn load<W: Word>(src: SrcBlock<'_>) -> Result<W, HostFault> {
    SrcWord::<W>::new(src)?.load()
}

/// Stores a word.
///
/// ```
/// use safecopy::{DstBlock, atomic};
///
/// let mut byte = [5_u8];
/// assert_eq!(atomic::store(DstBlock::from_slice(&mut byte), 6_u8), Ok(()));
/// assert_eq!(byte, [6]);
/// ```
///
/// # Errors
/// The fault.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn store<W: Word>(dst: DstBlock<'_>, new: W) -> Result<(), HostFault> {
    DstWord::<W>::new(dst)?.store(new)
}

/// Stores a word and returns the one that was there.
///
/// ```
/// use safecopy::{DstBlock, atomic};
///
/// let mut byte = [5_u8];
/// let block = DstBlock::from_slice(&mut byte);
/// assert_eq!(atomic::swap(block, 6_u8), Ok(5));
/// assert_eq!(byte, [6]);
/// ```
///
/// # Errors
/// The fault.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn swap<W: Word>(dst: DstBlock<'_>, new: W) -> Result<W, HostFault> {
    DstWord::<W>::new(dst)?.swap(new)
}

/// Stores `new` if the word is `expected`, and returns what was there in either case.
///
/// ```
/// use safecopy::{DstBlock, atomic};
///
/// let mut byte = [5_u8];
/// let block = DstBlock::from_slice(&mut byte);
/// assert_eq!(atomic::compare_exchange(block, 4_u8, 6), Ok(5));
/// assert_eq!(atomic::compare_exchange(block, 5_u8, 7), Ok(5));
/// assert_eq!(byte, [7]);
/// ```
///
/// # Errors
/// The fault; memory that may not be written faults whether or not the comparison succeeds.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn compare_exchange<W: Word>(dst: DstBlock<'_>, expected: W, new: W) -> Result<W, HostFault> {
    DstWord::<W>::new(dst)?.compare_exchange(expected, new)
}

/// Adds to a word, wrapping around, and returns what was there.
///
/// ```
/// use safecopy::{DstBlock, atomic};
///
/// let mut byte = [5_u8];
/// let block = DstBlock::from_slice(&mut byte);
/// assert_eq!(atomic::fetch_add(block, 255_u8), Ok(5));
/// assert_eq!(byte, [4]);
/// ```
///
/// # Errors
/// The fault.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn fetch_add<W: Word>(dst: DstBlock<'_>, operand: W) -> Result<W, HostFault> {
    DstWord::<W>::new(dst)?.fetch_add(operand)
}

/// Clears the bits of a word that are not set in `operand`, and returns what was there.
///
/// ```
/// use safecopy::{DstBlock, atomic};
///
/// let mut byte = [0b101_u8];
/// let block = DstBlock::from_slice(&mut byte);
/// assert_eq!(atomic::fetch_and(block, 0b100_u8), Ok(0b101));
/// assert_eq!(byte, [0b100]);
/// ```
///
/// # Errors
/// The fault.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn fetch_and<W: Word>(dst: DstBlock<'_>, operand: W) -> Result<W, HostFault> {
    DstWord::<W>::new(dst)?.fetch_and(operand)
}

/// Sets the bits of a word that are set in `operand`, and returns what was there.
///
/// ```
/// use safecopy::{DstBlock, atomic};
///
/// let mut byte = [0b101_u8];
/// let block = DstBlock::from_slice(&mut byte);
/// assert_eq!(atomic::fetch_or(block, 0b110_u8), Ok(0b101));
/// assert_eq!(byte, [0b111]);
/// ```
///
/// # Errors
/// The fault.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn fetch_or<W: Word>(dst: DstBlock<'_>, operand: W) -> Result<W, HostFault> {
    DstWord::<W>::new(dst)?.fetch_or(operand)
}

/// Flips the bits of a word that are set in `operand`, and returns what was there.
///
/// ```
/// use safecopy::{DstBlock, atomic};
///
/// let mut byte = [0b101_u8];
/// let block = DstBlock::from_slice(&mut byte);
/// assert_eq!(atomic::fetch_xor(block, 0b110_u8), Ok(0b101));
/// assert_eq!(byte, [0b011]);
/// ```
///
/// # Errors
/// The fault.
///
/// # Panics
/// When the block is shorter than the word.
#[inline]
pub fn fetch_xor<W: Word>(dst: DstBlock<'_>, operand: W) -> Result<W, HostFault> {
    DstWord::<W>::new(dst)?.fetch_xor(operand)
}

#[cfg(test)]
mod tests;
