//! Which of this architecture's moves are used.
//!
//! | back end | 1-32 bytes | 33-64 bytes | to 64 KiB | from 64 KiB |
//! |---|---|---|---|---|
//! | `sse2` | general registers | SSE | SSE | SSE |
//! | `avx` | general registers | VEX, xmm | VEX, ymm | VEX, ymm |
//! | `avx512` | general registers | VEX, xmm | EVEX, ymm | EVEX, ymm |
//! | `rep movsb` | general registers | the best of these | `rep movsb` | `rep movsb` |
//! | `automatic` | general registers | the best of these | the best of these | `rep movsb` if the CPU has ERMS |
//!
//! Where `rep movsb` copies, `rep stosb` zeroes.
//!
//! Relaxed variables hold what the accesses look at. They may be read while another thread changes
//! them, one before and one after: every combination is one that the CPU can run.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use super::copy::SMALL;

/// A back end of this architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Choice {
    /// What is fastest for each length.
    Automatic,
    /// EVEX moves of 32 bytes with the registers that have no legacy name.
    Avx512,
    /// VEX moves of 32 bytes.
    Avx,
    /// Legacy moves of 16 bytes.
    Sse2,
    /// String instructions for all that is not inline.
    RepMovsb,
}

/// The vector moves in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Vector {
    Sse2,
    Avx,
    Avx512,
}

/// Until [`Choice::apply`] has looked, what every CPU of this architecture has.
static VECTOR: AtomicU8 = AtomicU8::new(Vector::Sse2 as u8);

/// The length from which an access is a long one, for which [`STRINGS`] counts.
static LONG_FROM: AtomicUsize = AtomicUsize::new(CHUNK);

/// What long accesses use.
static STRINGS: AtomicU8 = AtomicU8::new(Strings::Never as u8);

/// The use of string instructions for long accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Strings {
    Never,
    WhereFast,
    Always,
}

/// Bytes that one vector loop moves before the next begins.
///
/// From here on `rep movsb` is as fast as any vector loop where the CPU has ERMS, and needs
/// neither pieces nor a second pass after a fault. Below, its start costs more.
pub(crate) const CHUNK: usize = 64 << 10;

impl Choice {
    /// Every back end of this architecture; the default first.
    pub(crate) const ALL: &[Self] =
        &[Self::Automatic, Self::Avx512, Self::Avx, Self::Sse2, Self::RepMovsb];

    /// Returns the name by which users know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Avx512 => "avx512",
            Self::Avx => "avx",
            Self::Sse2 => "sse2",
            Self::RepMovsb => "rep movsb",
        }
    }

    /// Returns whether this CPU has its instructions.
    pub(crate) fn is_supported(self) -> bool {
        match self {
            Self::Automatic | Self::Sse2 | Self::RepMovsb => true,
            Self::Avx => std::is_x86_feature_detected!("avx"),
            // The moves are VEX ones where EVEX has nothing to add.
            Self::Avx512 => {
                std::is_x86_feature_detected!("avx")
                    && std::is_x86_feature_detected!("avx512f")
                    && std::is_x86_feature_detected!("avx512vl")
            }
        }
    }

    /// Makes the accesses of all threads use it, from some time soon.
    ///
    /// # Panics
    /// When the CPU does not support it.
    pub(crate) fn apply(self) {
        assert!(self.is_supported(), "our own invariant: a back end that the CPU has");
        let (vector, long_from, strings) = match self {
            Self::Automatic if has_fast_strings() => (best_vector(), CHUNK, Strings::WhereFast),
            Self::Automatic => (best_vector(), CHUNK, Strings::Never),
            Self::Avx512 => (Vector::Avx512, CHUNK, Strings::Never),
            Self::Avx => (Vector::Avx, CHUNK, Strings::Never),
            Self::Sse2 => (Vector::Sse2, CHUNK, Strings::Never),
            Self::RepMovsb => (best_vector(), SMALL + 1, Strings::Always),
        };
        VECTOR.store(vector as u8, Ordering::Relaxed);
        LONG_FROM.store(long_from, Ordering::Relaxed);
        STRINGS.store(strings as u8, Ordering::Relaxed);
    }
}

/// Returns the vector moves in use, which the CPU has.
#[inline(always)]
pub(super) fn vector() -> Vector {
    let vector = VECTOR.load(Ordering::Relaxed);
    if vector == Vector::Avx512 as u8 {
        Vector::Avx512
    } else if vector == Vector::Avx as u8 {
        Vector::Avx
    } else {
        Vector::Sse2
    }
}

/// Returns the length from which an access is a long one: more than [`SMALL`], at most [`CHUNK`].
#[inline(always)]
pub(crate) fn long_from() -> usize {
    LONG_FROM.load(Ordering::Relaxed)
}

/// Returns whether string instructions are to do a long copy.
pub(crate) fn prefers_exact(dst: *mut u8, src: *const u8) -> bool {
    let strings = STRINGS.load(Ordering::Relaxed);
    // A destination that lies, but for whole pages, a few bytes ahead of its source makes them go
    // byte by byte on some CPUs.
    let ahead = dst.addr().wrapping_sub(src.addr()) & 0xfff;
    strings == Strings::Always as u8
        || strings == Strings::WhereFast as u8 && !(1..64).contains(&ahead)
}

/// Returns whether string instructions are to do a long zeroing.
pub(crate) fn prefers_exact_zero() -> bool {
    STRINGS.load(Ordering::Relaxed) != Strings::Never as u8
}

fn best_vector() -> Vector {
    if Choice::Avx512.is_supported() {
        Vector::Avx512
    } else if Choice::Avx.is_supported() {
        Vector::Avx
    } else {
        Vector::Sse2
    }
}

/// Returns whether the CPU has fast string instructions (ERMS).
fn has_fast_strings() -> bool {
    const LEAF: u32 = 7;
    const ERMS: u32 = 1 << 9;
    let (highest, _) = std::arch::x86_64::__get_cpuid_max(0);
    highest >= LEAF && std::arch::x86_64::__cpuid_count(LEAF, 0).ebx & ERMS != 0
}

#[cfg(test)]
mod tests {
    use super::{
        CHUNK, Choice, SMALL, Vector, long_from, prefers_exact, prefers_exact_zero, vector,
    };
    use crate::BackEnd;
    use crate::test_memory::with_each_back_end;

    #[test]
    fn a_back_end_uses_what_it_is_called_after() {
        let at = std::ptr::without_provenance_mut::<u8>;
        with_each_back_end(|back_end| {
            let far = prefers_exact(at(0x9000), at(0x5000));
            let ahead = prefers_exact(at(0x9001), at(0x5000));
            let in_use = (vector(), long_from(), far, ahead, prefers_exact_zero());
            match back_end.name() {
                "avx512" => assert_eq!(in_use, (Vector::Avx512, CHUNK, false, false, false)),
                "avx" => assert_eq!(in_use, (Vector::Avx, CHUNK, false, false, false)),
                "sse2" => assert_eq!(in_use, (Vector::Sse2, CHUNK, false, false, false)),
                "rep movsb" => {
                    assert_eq!((long_from(), far, ahead, in_use.4), (SMALL + 1, true, true, true));
                }
                _ => {
                    assert_eq!(back_end, BackEnd::AUTOMATIC);
                    assert_eq!((long_from(), ahead, in_use.4), (CHUNK, false, far));
                    assert_eq!(vector() == Vector::Avx512, Choice::Avx512.is_supported());
                }
            }
        });
    }
}
