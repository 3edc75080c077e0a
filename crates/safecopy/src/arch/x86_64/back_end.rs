//! Which of this architecture's moves are used.
//!
//! | back end | 1-32 bytes | copies to 64 bytes | to 64 KiB | from 64 KiB |
//! |---|---|---|---|---|
//! | `sse2` | general registers | SSE, xmm | SSE, xmm | SSE, xmm |
//! | `avx` | general registers | VEX, xmm, inline | VEX, ymm | VEX, ymm |
//! | `avx512vl` | general registers | VEX, xmm, inline | EVEX, ymm | EVEX, ymm |
//! | `avx512` | general registers | VEX, xmm, inline | EVEX, zmm | EVEX, zmm |
//! | `rep movsb` | general registers | `rep movsb` | `rep movsb` | `rep movsb` |
//! | `automatic` | general registers | as the next | the best of these | `rep movsb` if the CPU has ERMS |
//!
//! Where `rep movsb` copies, `rep stosb` zeroes.
//!
//! Relaxed variables hold what the accesses look at. They may be read while another thread changes
//! them, one before and one after: every combination is one that the CPU can run.

use std::sync::atomic::{AtomicU8, Ordering};

use super::{vector_copy, vector_zero};

/// A back end of this architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Choice {
    /// What is fastest for each length.
    Automatic,
    /// EVEX moves of 64 bytes with the registers that have no legacy name.
    Avx512,
    /// EVEX moves of 32 bytes with the same registers.
    Avx512Vl,
    /// VEX moves of 32 bytes.
    Avx,
    /// Legacy moves of 16 bytes.
    Sse2,
    /// String instructions for all that is not inline.
    RepMovsb,
}

/// What accesses are made with that are neither inline nor long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// What every CPU of this architecture has, in use until [`Choice::apply`] has looked.
    Sse2,
    Avx,
    Evex32,
    Evex64,
    Strings,
}

impl Leaf {
    /// Returns whether a CPU that can run it has VEX moves.
    pub(super) fn has_vex(self) -> bool {
        match self {
            Self::Sse2 | Self::Strings => false,
            Self::Avx | Self::Evex32 | Self::Evex64 => true,
        }
    }
}

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

/// The length from which an access is a long one: bytes that one vector loop moves before the next
/// begins.
///
/// From here on `rep movsb` is as fast as any vector loop where the CPU has ERMS, and needs
/// neither pieces nor a second pass after a fault. Below, its start costs more.
pub(crate) const CHUNK: usize = 64 << 10;

impl Choice {
    /// Every back end of this architecture; the default first.
    pub(crate) const ALL: &[Self] =
        &[Self::Automatic, Self::Avx512, Self::Avx512Vl, Self::Avx, Self::Sse2, Self::RepMovsb];

    /// Returns the name by which users know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Avx512 => "avx512",
            Self::Avx512Vl => "avx512vl",
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
            // The moves of 64 bytes come with some of 32, and with one of any number of bytes.
            Self::Avx512 => {
                Self::Avx512Vl.is_supported() && std::is_x86_feature_detected!("avx512bw")
            }
            Self::Avx512Vl => {
                std::is_x86_feature_detected!("avx512f")
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
        let (leaf, strings) = match self {
            Self::Automatic if has_fast_strings() => (best(), Strings::WhereFast),
            Self::Automatic => (best(), Strings::Never),
            Self::Avx512 => (Leaf::Evex64, Strings::Never),
            Self::Avx512Vl => (Leaf::Evex32, Strings::Never),
            Self::Avx => (Leaf::Avx, Strings::Never),
            Self::Sse2 => (Leaf::Sse2, Strings::Never),
            Self::RepMovsb => (Leaf::Strings, Strings::Always),
        };
        vector_copy::select(leaf);
        vector_zero::select(leaf);
        STRINGS.store(strings as u8, Ordering::Relaxed);
    }
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

fn best() -> Leaf {
    // The first CPUs with AVX-512 slowed down for a while after an instruction of 64 bytes.
    if Choice::Avx512.is_supported() && std::is_x86_feature_detected!("avx512vbmi2") {
        Leaf::Evex64
    } else if Choice::Avx512Vl.is_supported() {
        Leaf::Evex32
    } else if Choice::Avx.is_supported() {
        Leaf::Avx
    } else {
        Leaf::Sse2
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
    use super::{Leaf, best, prefers_exact, prefers_exact_zero, vector_copy, vector_zero};
    use crate::BackEnd;
    use crate::test_memory::with_each_back_end;

    #[test]
    fn a_back_end_uses_what_it_is_called_after() {
        let at = std::ptr::without_provenance_mut::<u8>;
        with_each_back_end(|back_end| {
            let far = prefers_exact(at(0x9000), at(0x5000));
            let ahead = prefers_exact(at(0x9001), at(0x5000));
            let uses = |leaf| {
                let has_vex = !matches!(leaf, Leaf::Sse2 | Leaf::Strings);
                (vector_copy::leaf(), vector_zero::leaf(), vector_copy::has_inline())
                    == (vector_copy::address_of(leaf), vector_zero::address_of(leaf), has_vex)
            };
            let strings = (far, ahead, prefers_exact_zero());
            match back_end.name() {
                "avx512" => assert!(uses(Leaf::Evex64) && strings == (false, false, false)),
                "avx512vl" => assert!(uses(Leaf::Evex32) && strings == (false, false, false)),
                "avx" => assert!(uses(Leaf::Avx) && strings == (false, false, false)),
                "sse2" => assert!(uses(Leaf::Sse2) && strings == (false, false, false)),
                "rep movsb" => assert!(uses(Leaf::Strings) && strings == (true, true, true)),
                _ => {
                    assert_eq!(back_end, BackEnd::AUTOMATIC);
                    assert_eq!(strings, (far, false, far));
                    assert!(uses(best()) && !uses(Leaf::Strings));
                }
            }
        });
    }
}
