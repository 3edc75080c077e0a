//! One contiguous piece of memory that may fault.
#![expect(unsafe_code, reason = "blocks are where raw host memory enters")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Marks a block that is only read.
///
/// Code over both kinds of block takes the mark as a parameter:
///
/// ```
/// use safecopy::{Block, DstBlock, SrcBlock};
///
/// fn second_half<M>(block: Block<'_, M>) -> Block<'_, M> {
///     block.drop_first(block.len() / 2)
/// }
///
/// assert_eq!(second_half(SrcBlock::from_slice(b"foobar")).len(), 3);
/// assert_eq!(second_half(DstBlock::from_slice(&mut [0; 7])).len(), 4);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Source {}

/// Marks a block that may be written.
///
/// ```
/// use safecopy::{Block, Destination, zero};
///
/// fn clear(block: Block<'_, Destination>) -> bool {
///     zero(block) == Ok(block.len())
/// }
///
/// assert!(clear(Block::default()));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Destination {}

/// A block that is only read.
pub type SrcBlock<'a> = Block<'a, Source>;

/// A block that may be written, and read.
pub type DstBlock<'a> = Block<'a, Destination>;

/// One contiguous piece of host memory, trusted or foreign.
///
/// Holding one proves that touching the memory through this crate harms nobody: it is either
/// borrowed from a slice for `'a`, or foreign memory that holds no Rust object for `'a`. It does
/// not prove that the memory is mapped: an access reports a [`HostFault`](crate::HostFault) when it
/// is not.
///
/// ```
/// use safecopy::{DstBlock, SrcBlock, copy};
///
/// let source = SrcBlock::from_slice(b"foobar").drop_first(1).take_first(4);
/// let mut own = [0; 4];
/// assert_eq!(copy(DstBlock::from_slice(&mut own), source), Ok(4));
/// assert_eq!(&own, b"ooba");
/// ```
///
/// There is no way from a block to a slice or a reference:
///
/// ```compile_fail,E0277
/// fn bytes(block: safecopy::SrcBlock<'_>) -> &[u8] {
///     std::convert::identity::<safecopy::SrcBlock<'_>>(block).into()
/// }
/// ```
///
/// nor from a source to a destination:
///
/// ```compile_fail,E0308
/// fn store(block: safecopy::SrcBlock<'_>) {
///     let _ = safecopy::zero(block);
/// }
/// ```
///
/// and our own memory is borrowed while a block to it lives:
///
/// ```compile_fail,E0502
/// let mut bytes = [1, 2, 3];
/// let block = safecopy::DstBlock::from_slice(&mut bytes);
/// assert_eq!(bytes[0], 1);
/// let _ = safecopy::zero(block);
/// ```
pub struct Block<'a, M> {
    ptr: *mut u8,
    len: usize,
    marker: PhantomData<(&'a (), M)>,
}

impl<M> Clone for Block<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Block<'_, M> {}

impl<M> Default for Block<'_, M> {
    fn default() -> Self {
        Self { ptr: std::ptr::null_mut(), len: 0, marker: PhantomData }
    }
}

impl<'a> SrcBlock<'a> {
    /// Creates a block over our own memory.
    #[must_use]
    #[inline]
    pub fn from_slice(slice: &'a [u8]) -> Self {
        Self { ptr: slice.as_ptr().cast_mut(), len: slice.len(), marker: PhantomData }
    }
}

impl<'a> DstBlock<'a> {
    /// Creates a block over our own memory.
    #[must_use]
    #[inline]
    pub fn from_slice(slice: &'a mut [u8]) -> Self {
        Self { ptr: slice.as_mut_ptr(), len: slice.len(), marker: PhantomData }
    }

    /// Creates a block over our own memory, to be written and not read.
    #[inline]
    pub(crate) fn from_uninit(slice: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { ptr: slice.as_mut_ptr().cast(), len: slice.len(), marker: PhantomData }
    }

    /// Returns the same memory as a source.
    #[must_use]
    #[inline]
    pub fn as_source(self) -> SrcBlock<'a> {
        Block { ptr: self.ptr, len: self.len, marker: PhantomData }
    }
}

impl<'a, M> Block<'a, M> {
    /// Creates a block over foreign memory.
    ///
    /// ```
    /// use safecopy::DstBlock;
    ///
    /// // SAFETY: no Rust object lies in the first page, where nothing is mapped.
    /// let block = unsafe { DstBlock::from_raw(std::ptr::without_provenance_mut(0x10), 8) };
    /// assert_eq!((block.addr(), block.len()), (0x10, 8));
    /// ```
    ///
    /// # Panics
    /// When `ptr + len` exceeds the address space.
    ///
    /// # Safety
    /// 1. For as long as `'a`, no Rust object lies in `[ptr, ptr + len)`, and no reference to any
    ///    of it exists. It may be unmapped, protected or changed at any time.
    #[inline(always)]
    #[must_use]
    pub unsafe fn from_raw(ptr: *mut u8, len: usize) -> Self {
        assert!(ptr.addr().checked_add(len).is_some(), "a block must not wrap");
        Self { ptr, len, marker: PhantomData }
    }

    /// Returns the number of bytes.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        self.len
    }

    /// Returns whether the block holds no byte.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Returns the host address of the first byte.
    #[must_use]
    #[inline]
    pub fn addr(self) -> usize {
        self.ptr.addr()
    }

    /// Returns the pointer to the first byte, for host system calls.
    #[must_use]
    #[inline]
    pub fn as_ptr(self) -> *mut u8 {
        self.ptr
    }

    /// Returns what is left after the first `len` bytes; the default block when nothing is.
    #[must_use]
    #[inline]
    pub fn drop_first(self, len: usize) -> Self {
        if len >= self.len {
            return Self::default();
        }
        Self { ptr: self.ptr.wrapping_add(len), len: self.len - len, marker: PhantomData }
    }

    /// Returns the first `len` bytes, or the whole block when it is shorter.
    #[must_use]
    #[inline]
    pub fn take_first(self, len: usize) -> Self {
        if len == 0 {
            return Self::default();
        }
        Self { ptr: self.ptr, len: self.len.min(len), marker: PhantomData }
    }
}

impl<'a, M> Block<'a, M> {
    /// Returns the `len` bytes that are `at` bytes behind the start; `None` when the block does not hold
    /// all of them.
    ///
    /// ```
    /// use safecopy::SrcBlock;
    ///
    /// let block = SrcBlock::from_slice(b"foobar");
    /// assert_eq!(block.part(2, 4).map(|part| part.len()), Some(4));
    /// assert!(block.part(3, 4).is_none());
    /// ```
    #[must_use]
    #[inline(always)]
    pub fn part(self, at: usize, len: usize) -> Option<Self> {
        if at > self.len || len > self.len - at {
            return None;
        }
        Some(Self { ptr: self.ptr.wrapping_add(at), len, marker: PhantomData })
    }

    /// Returns the first `len` bytes and those that follow; `None` when there are not so many.
    ///
    /// ```
    /// use safecopy::SrcBlock;
    ///
    /// let block = SrcBlock::from_slice(b"foobar");
    /// let (first, rest) = block.split_at(2).unwrap();
    /// assert_eq!((first.len(), rest.len()), (2, 4));
    /// assert!(block.split_at(7).is_none());
    /// ```
    #[must_use]
    #[inline(always)]
    pub fn split_at(self, len: usize) -> Option<(Self, Self)> {
        if len > self.len {
            return None;
        }
        let first = Self { ptr: self.ptr, len, marker: PhantomData };
        let rest =
            Self { ptr: self.ptr.wrapping_add(len), len: self.len - len, marker: PhantomData };
        Some((first, rest))
    }
}

impl<M> fmt::Debug for Block<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:#x}-{:#x})", self.addr(), self.addr() + self.len)
    }
}
