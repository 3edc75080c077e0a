//! A block that holds one word, and is aligned to it.
#![expect(unsafe_code, reason = "blocks become pointers here")]

use std::fmt;
use std::hint::cold_path;
use std::marker::PhantomData;

use usermem_types::FaultKind;

use super::Word;
use crate::stop::Stop;
use crate::{Block, Destination, HostFault, Source};

/// A word that is only read.
pub type SrcWord<'a, W> = WordBlock<'a, Source, W>;

/// A word that may be written, and read.
pub type DstWord<'a, W> = WordBlock<'a, Destination, W>;

/// One word of host memory, trusted or foreign.
///
/// Holding one proves what holding a [`Block`] proves, and besides that the block has exactly the bytes
/// of a `W` and is aligned to them. So this is what to keep of a word that is accessed again and again:
/// an access checks neither.
///
/// ```
/// use safecopy::DstBlock;
/// use safecopy::atomic::DstWord;
///
/// #[repr(align(4))]
/// struct Word([u8; 4]);
///
/// let mut word = Word(5_u32.to_ne_bytes());
/// let word = DstWord::<u32>::new(DstBlock::from_slice(&mut word.0))?;
/// assert_eq!(word.store(6), Ok(()));
/// assert_eq!(word.swap(7), Ok(6));
/// assert_eq!(word.as_source().load(), Ok(7));
/// # Ok::<(), safecopy::HostFault>(())
/// ```
///
/// There is no way from a word that is only read to one that may be written:
///
/// ```compile_fail,E0599
/// fn store(word: safecopy::atomic::SrcWord<'_, u32>) {
///     let _ = word.store(1);
/// }
/// ```
pub struct WordBlock<'a, M, W> {
    /// Aligned to the size of the word.
    ptr: *mut W,
    marker: PhantomData<(&'a (), M)>,
}

impl<M, W> Clone for WordBlock<'_, M, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, W> Copy for WordBlock<'_, M, W> {}

impl<'a, M, W: Word> WordBlock<'a, M, W> {
    /// Takes the word at the start of a block.
    ///
    /// # Errors
    /// [`FaultKind::Misaligned`] when it is not aligned to its size.
    ///
    /// # Panics
    /// When the block is shorter than the word: how long a block is, is for its maker to say, and
    /// never for the application.
    #[inline]
    pub fn new(block: Block<'a, M>) -> Result<Self, HostFault> {
        assert!(block.len() >= size_of::<W>(), "our own invariant: the block holds a word");
        if block.addr().is_multiple_of(size_of::<W>()) {
            Ok(Self { ptr: block.as_ptr().cast(), marker: PhantomData })
        } else {
            cold_path();
            Err(HostFault { kind: FaultKind::Misaligned, addr: block.addr() })
        }
    }

    /// Returns the host address of the word.
    #[must_use]
    #[inline]
    pub fn addr(self) -> usize {
        self.ptr.addr()
    }

    /// Returns `value`, unless the access was stopped.
    #[inline]
    fn result<T>(self, stop: Stop, value: T) -> Result<T, HostFault> {
        if stop.info == 0 {
            return Ok(value);
        }
        cold_path();
        Err(HostFault { kind: stop.kind(), addr: self.addr() })
    }
}

impl<W: Word> SrcWord<'_, W> {
    /// Loads the word.
    ///
    /// # Errors
    /// The fault.
    #[inline]
    pub fn load(self) -> Result<W, HostFault> {
        // SAFETY: 1. is what holding this proves.
        let (stop, value) = unsafe { W::load(self.ptr) };
        self.result(stop, value)
    }
}

impl<'a, W: Word> DstWord<'a, W> {
    /// Returns the same word as one that is only read.
    #[must_use]
    #[inline]
    pub fn as_source(self) -> SrcWord<'a, W> {
        WordBlock { ptr: self.ptr, marker: PhantomData }
    }

    /// Stores a word.
    ///
    /// # Errors
    /// The fault. Twice as long in coming as that of any other access: one that does not fault is
    /// one instruction.
    #[inline]
    pub fn store(self, new: W) -> Result<(), HostFault> {
        // SAFETY: 1. is what holding this proves.
        if unsafe { W::try_store(self.ptr, new) } { Ok(()) } else { self.store_again(new) }
    }

    /// Stores after a fault of which nothing is known but that it was one.
    #[cold]
    #[inline(never)]
    fn store_again(self, new: W) -> Result<(), HostFault> {
        // SAFETY: 1. is what holding this proves.
        let stop = unsafe { W::store(self.ptr, new) };
        self.result(stop, ())
    }

    /// Stores a word and returns the one that was there.
    ///
    /// # Errors
    /// The fault.
    #[inline]
    pub fn swap(self, new: W) -> Result<W, HostFault> {
        // SAFETY: 1. is what holding this proves.
        let (stop, old) = unsafe { W::swap(self.ptr, new) };
        self.result(stop, old)
    }

    /// Stores `new` if the word is `expected`, and returns what was there in either case.
    ///
    /// # Errors
    /// The fault; memory that may not be written faults whether or not the comparison succeeds.
    #[inline]
    pub fn compare_exchange(self, expected: W, new: W) -> Result<W, HostFault> {
        // SAFETY: 1. is what holding this proves.
        let (stop, previous) = unsafe { W::compare_exchange(self.ptr, expected, new) };
        self.result(stop, previous)
    }

    /// Adds to the word, wrapping around, and returns what was there.
    ///
    /// # Errors
    /// The fault.
    #[inline]
    pub fn fetch_add(self, operand: W) -> Result<W, HostFault> {
        // SAFETY: 1. is what holding this proves.
        let (stop, old) = unsafe { W::fetch_add(self.ptr, operand) };
        self.result(stop, old)
    }

    /// Clears the bits of the word that are not set in `operand`, and returns what was there.
    ///
    /// # Errors
    /// The fault.
    #[inline]
    pub fn fetch_and(self, operand: W) -> Result<W, HostFault> {
        // SAFETY: 1. is what holding this proves.
        let (stop, old) = unsafe { W::fetch_and(self.ptr, operand) };
        self.result(stop, old)
    }

    /// Sets the bits of the word that are set in `operand`, and returns what was there.
    ///
    /// # Errors
    /// The fault.
    #[inline]
    pub fn fetch_or(self, operand: W) -> Result<W, HostFault> {
        // SAFETY: 1. is what holding this proves.
        let (stop, old) = unsafe { W::fetch_or(self.ptr, operand) };
        self.result(stop, old)
    }

    /// Flips the bits of the word that are set in `operand`, and returns what was there.
    ///
    /// # Errors
    /// The fault.
    #[inline]
    pub fn fetch_xor(self, operand: W) -> Result<W, HostFault> {
        // SAFETY: 1. is what holding this proves.
        let (stop, old) = unsafe { W::fetch_xor(self.ptr, operand) };
        self.result(stop, old)
    }
}

impl<M, W> fmt::Debug for WordBlock<'_, M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.ptr.addr();
        write!(f, "[{start:#x}-{:#x})", start.wrapping_add(size_of::<W>()))
    }
}
