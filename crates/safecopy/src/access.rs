//! What an architecture provides for a word of each size.
#![expect(unsafe_code, reason = "the contracts of raw accesses")]

use crate::stop::Stop;

/// The accesses to a word of one size.
///
/// What stands in a value after a fault is unspecified.
#[doc(hidden)]
pub trait Access: Sized {
    /// Loads the word, with acquire ordering.
    ///
    /// # Safety
    /// 1. `ptr` is aligned to the size of the word, and reading the word harms nobody.
    unsafe fn load(ptr: *const Self) -> (Stop, Self);

    /// Stores the word, with release ordering, and returns whether it did: a fault, of which nothing
    /// is said, is all that keeps it from that. Nothing is left to do after the store.
    ///
    /// # Safety
    /// 1. `ptr` is aligned to the size of the word, and writing the word harms nobody.
    unsafe fn try_store(ptr: *mut Self, new: Self) -> bool;

    /// Stores the word, with release ordering.
    ///
    /// # Safety
    /// 1. As for [`try_store`](Self::try_store).
    unsafe fn store(ptr: *mut Self, new: Self) -> Stop;

    /// Stores a word and returns the previous one, with acquire and release ordering.
    ///
    /// # Safety
    /// 1. `ptr` is aligned to the size of the word, and reading and writing the word harms nobody.
    unsafe fn swap(ptr: *mut Self, new: Self) -> (Stop, Self);

    /// Stores `new` where `expected` is, and returns what was there, with acquire and release
    /// ordering.
    ///
    /// # Safety
    /// 1. As for [`swap`](Self::swap).
    unsafe fn compare_exchange(ptr: *mut Self, expected: Self, new: Self) -> (Stop, Self);

    /// Adds, wrapping around, and returns what was there, with acquire and release ordering.
    ///
    /// # Safety
    /// 1. As for [`swap`](Self::swap).
    unsafe fn fetch_add(ptr: *mut Self, operand: Self) -> (Stop, Self);

    /// Keeps the bits that are set in `operand`, and returns what was there, with acquire and
    /// release ordering.
    ///
    /// # Safety
    /// 1. As for [`swap`](Self::swap).
    unsafe fn fetch_and(ptr: *mut Self, operand: Self) -> (Stop, Self);

    /// Sets the bits that are set in `operand`, and returns what was there, with acquire and
    /// release ordering.
    ///
    /// # Safety
    /// 1. As for [`swap`](Self::swap).
    unsafe fn fetch_or(ptr: *mut Self, operand: Self) -> (Stop, Self);

    /// Flips the bits that are set in `operand`, and returns what was there, with acquire and
    /// release ordering.
    ///
    /// # Safety
    /// 1. As for [`swap`](Self::swap).
    unsafe fn fetch_xor(ptr: *mut Self, operand: Self) -> (Stop, Self);
}
