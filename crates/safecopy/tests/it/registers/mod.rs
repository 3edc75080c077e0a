//! Registers around every access, when it works and when it faults.
//!
//! Three ways to look, since none sees all: values that the compiler keeps in registers across the
//! inlined assembly show what an operand list forgets; so do vector registers that are in use just
//! before an access and just after, which the compiler saves only if the list names them; a call
//! between two snapshots of the whole machine shows what happens to registers that no compiler would
//! use here.

/// Fills the named registers, runs `access`, and checks them. The compiler finds the values best kept
/// where they are, unless an operand list names the register, or a call is in the way. `$value` makes
/// the value of a register's number, and `$bits` what can be compared of it.
macro_rules! with_pinned {
    ($access:expr, $value:expr, $bits:expr; $($name:ident in $register:tt),*) => {{
        const NAMES: &[&str] = &[$($register),*];
        let (value, bits) = ($value, $bits);
        let [$(mut $name),*] = std::array::from_fn::<_, { NAMES.len() }, _>(value);
        // SAFETY: no instructions.
        unsafe {
            asm!("", $(inlateout($register) $name),*, options(nomem, nostack, preserves_flags));
        }
        let result = $access();
        // SAFETY: no instructions.
        unsafe {
            asm!("", $(inlateout($register) $name),*, options(nomem, nostack, preserves_flags));
        }
        for (at, actual) in [$($name),*].into_iter().enumerate() {
            assert_eq!(bits(actual), bits(value(at)), "{}", NAMES[at]);
        }
        result
    }};
}

#[cfg_attr(target_arch = "x86_64", path = "arch/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "arch/aarch64.rs")]
mod machine;

use std::hint::black_box;
use std::mem::MaybeUninit;

use safecopy::atomic::{self, Word};
use safecopy::{BackEnd, DstBlock, HostFault, SrcBlock, copy, copy_to_uninit, zero};
use usermem_types::Transfer;

use crate::memory::{Beyond, Edge, with_each_back_end};

/// Lengths of every size class.
const LENGTHS: [usize; 22] =
    [1, 2, 3, 4, 7, 8, 15, 16, 17, 32, 33, 64, 65, 128, 129, 256, 257, 512, 600, 2000, 4096, 4999];

/// Runs accesses around which registers are watched.
trait Watch {
    /// Runs `access`, and fails when a register did not survive.
    fn watch<R>(&mut self, access: impl FnOnce() -> R) -> R;
}

/// Keeps more values alive than there are registers, and checks each afterwards.
struct LiveValues;

impl Watch for LiveValues {
    // Inlined into every caller, so that the assembly stands between their making and their use.
    #[inline(always)]
    fn watch<R>(&mut self, access: impl FnOnce() -> R) -> R {
        let ints: [u64; 20] =
            std::array::from_fn(|at| black_box(0x0101_0101_0101_0101 * at as u64));
        let floats: [f64; 20] = std::array::from_fn(|at| black_box(1.5 + at as f64));
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = ints;
        let [fa, fb, fc, fd, fe, ff, fg, fh, fi, fj, fk, fl, fm, fn_, fo, fp, fq, fr, fs, ft] =
            floats;
        let result = access();
        let ints = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t];
        let floats =
            [fa, fb, fc, fd, fe, ff, fg, fh, fi, fj, fk, fl, fm, fn_, fo, fp, fq, fr, fs, ft];
        for (at, value) in ints.into_iter().enumerate() {
            assert_eq!(value, 0x0101_0101_0101_0101 * at as u64);
        }
        for (at, value) in floats.into_iter().enumerate() {
            assert_eq!(value.to_bits(), (1.5 + at as f64).to_bits());
        }
        result
    }
}

/// Copies while every vector register is in use. A small function of its own: in a large one the
/// compiler has reasons enough to keep the values in memory.
#[inline(never)]
fn copy_pinned(dst: DstBlock<'_>, src: SrcBlock<'_>) -> Transfer<HostFault> {
    machine::with_pinned_vectors(|| copy(dst, src))
}

/// Zeroes while every vector register is in use.
#[inline(never)]
fn zero_pinned(dst: DstBlock<'_>) -> Transfer<HostFault> {
    machine::with_pinned_vectors(|| zero(dst))
}

/// Copies while every vector register is in use at its full width.
#[inline(never)]
fn copy_wide(dst: DstBlock<'_>, src: SrcBlock<'_>) -> Transfer<HostFault> {
    machine::with_wide_vectors(|| copy(dst, src))
}

/// Zeroes while every vector register is in use at its full width.
#[inline(never)]
fn zero_wide(dst: DstBlock<'_>) -> Transfer<HostFault> {
    machine::with_wide_vectors(|| zero(dst))
}

/// Fills every register, calls the access, and compares those that a call preserves, and those
/// that nothing here has a reason to touch.
struct WholeMachine {
    back_end: BackEnd,
}

impl Watch for WholeMachine {
    fn watch<R>(&mut self, access: impl FnOnce() -> R) -> R {
        let mut access = Some(access);
        let mut result = None;
        machine::call_watched(self.back_end, &mut || {
            result = access.take().map(|access| access());
        });
        result.expect("the access has run")
    }
}

/// Runs every access, working and faulting; returns how many.
#[inline(always)]
fn every_access(watch: &mut impl Watch) -> usize {
    let edge = Edge::new(Beyond::NoAccess);
    let other = Edge::new(Beyond::EndOfFile);
    let mut count = 0;
    let mut buffer = [0; 5000];
    let mut uninit = [MaybeUninit::<u8>::uninit(); 5000];
    for len in LENGTHS {
        for before in [len, len - 1, len / 2, 0] {
            let expected = if before == len { Ok(len) } else { Err(before) };
            let own = SrcBlock::from_slice(&buffer);
            let result = watch.watch(|| copy(edge.dst(before, len), own));
            assert_eq!(result.map_err(|partial| partial.done), expected);
            let own = DstBlock::from_slice(&mut buffer);
            let result = watch.watch(|| copy(own, edge.src(before, len)));
            assert_eq!(result.map_err(|partial| partial.done), expected);
            let result = watch.watch(|| copy(other.dst(before, len), edge.src(before, len)));
            assert_eq!(result.map_err(|partial| partial.done), expected);
            let result =
                watch.watch(|| copy_to_uninit(&mut uninit, edge.src(before, len)).map(|b| b.len()));
            assert_eq!(result.map_err(|partial| partial.done), expected);
            let result = watch.watch(|| zero(edge.dst(before, len)));
            assert_eq!(result.map_err(|partial| partial.done), expected);
            count += 5;
        }
    }
    count
        + every_atomic_access::<u8>(&edge, watch)
        + every_atomic_access::<u16>(&edge, watch)
        + every_atomic_access::<u32>(&edge, watch)
        + every_atomic_access::<u64>(&edge, watch)
}

#[inline(always)]
fn every_atomic_access<W: Word + From<u8>>(edge: &Edge, watch: &mut impl Watch) -> usize {
    let (one, two) = (W::from(1), W::from(2));
    for (before, works) in [(8, true), (0, false)] {
        let word = edge.dst(before, size_of::<W>());
        assert_eq!(watch.watch(|| atomic::load::<W>(word.as_source())).is_ok(), works);
        assert_eq!(watch.watch(|| atomic::store(word, one)).is_ok(), works);
        assert_eq!(watch.watch(|| atomic::swap(word, two)).is_ok(), works);
        assert_eq!(watch.watch(|| atomic::compare_exchange(word, two, one)).is_ok(), works);
        assert_eq!(watch.watch(|| atomic::compare_exchange(word, two, one)).is_ok(), works);
        assert_eq!(watch.watch(|| atomic::fetch_add(word, one)).is_ok(), works);
        assert_eq!(watch.watch(|| atomic::fetch_and(word, two)).is_ok(), works);
        assert_eq!(watch.watch(|| atomic::fetch_or(word, one)).is_ok(), works);
        assert_eq!(watch.watch(|| atomic::fetch_xor(word, one)).is_ok(), works);
    }
    18
}

/// What [`every_access`] returns.
const ACCESSES: usize = 22 * 4 * 5 + 4 * 18;

#[test]
fn pitfall_15_values_in_registers_survive_every_access_and_every_fault() {
    let back_ends = with_each_back_end(|_| assert_eq!(every_access(&mut LiveValues), ACCESSES));
    println!("{} accesses", back_ends * ACCESSES);
}

#[test]
fn pitfall_15_vector_registers_in_use_survive_copies_and_zeroing() {
    survives(copy_pinned, zero_pinned);
}

/// A program that was built for wider vectors has them in use, and inlines the same assembly.
#[test]
fn pitfall_15_wide_vector_registers_in_use_survive_copies_and_zeroing() {
    survives(copy_wide, zero_wide);
}

/// Lengths of every size class with some places of a fault, and those that have been made inline with
/// vectors with each.
fn lengths_and_faults() -> impl Iterator<Item = (usize, usize)> {
    let some = LENGTHS.into_iter().flat_map(|len| [len, len - 1, len / 2, 0].map(|at| (len, at)));
    some.chain((33..=64).flat_map(|len| (0..=len).map(move |at| (len, at))))
}

/// Copies and zeroes, working and faulting, by functions that check registers themselves.
fn survives(
    copy: fn(DstBlock<'_>, SrcBlock<'_>) -> Transfer<HostFault>,
    zero: fn(DstBlock<'_>) -> Transfer<HostFault>,
) {
    let edge = Edge::new(Beyond::NoAccess);
    let other = Edge::new(Beyond::EndOfFile);
    let mut buffer = [0; 5000];
    with_each_back_end(|_| {
        for (len, before) in lengths_and_faults() {
            let expected = if before == len { Ok(len) } else { Err(before) };
            let own = SrcBlock::from_slice(&buffer);
            let result = copy(edge.dst(before, len), own);
            assert_eq!(result.map_err(|partial| partial.done), expected);
            let own = DstBlock::from_slice(&mut buffer);
            let result = copy(own, edge.src(before, len));
            assert_eq!(result.map_err(|partial| partial.done), expected);
            let result = copy(other.dst(before, len), edge.src(before, len));
            assert_eq!(result.map_err(|partial| partial.done), expected);
            let result = zero(edge.dst(before, len));
            assert_eq!(result.map_err(|partial| partial.done), expected);
        }
    });
}

#[test]
fn pitfall_15_the_whole_machine_survives_every_access_and_every_fault() {
    let back_ends = with_each_back_end(|back_end| {
        assert_eq!(every_access(&mut WholeMachine { back_end }), ACCESSES);
    });
    println!("{} accesses", back_ends * ACCESSES);
}

#[test]
fn pitfall_16_a_fault_is_recovered_without_thread_local_variables() {
    /// Runs accesses while the register that finds thread-local variables points nowhere.
    struct NoThreadPointer;

    impl Watch for NoThreadPointer {
        fn watch<R>(&mut self, access: impl FnOnce() -> R) -> R {
            machine::without_thread_pointer(access)
        }
    }

    let back_ends =
        with_each_back_end(|_| assert_eq!(every_access(&mut NoThreadPointer), ACCESSES));
    println!("{} accesses", back_ends * ACCESSES);
}
