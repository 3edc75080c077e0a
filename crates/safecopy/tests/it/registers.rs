//! Registers around an access that faults.

use std::hint::black_box;

use safecopy::{DstBlock, SrcBlock, atomic, copy, zero};

use crate::memory::{Beyond, Edge};

/// Runs `access` with more values alive than there are registers, and checks each afterwards.
///
/// Inlined into every caller, so that the assembly stands between their making and their use.
#[inline(always)]
fn with_live_values<R>(access: impl FnOnce() -> R) -> R {
    let ints: [u64; 20] = std::array::from_fn(|at| black_box(0x0101_0101_0101_0101 * at as u64));
    let floats: [f64; 20] = std::array::from_fn(|at| black_box(1.5 + at as f64));
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = ints;
    let [fa, fb, fc, fd, fe, ff, fg, fh, fi, fj, fk, fl, fm, fn_, fo, fp, fq, fr, fs, ft] = floats;
    let result = access();
    let ints = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t];
    let floats = [fa, fb, fc, fd, fe, ff, fg, fh, fi, fj, fk, fl, fm, fn_, fo, fp, fq, fr, fs, ft];
    for (at, value) in ints.into_iter().enumerate() {
        assert_eq!(value, 0x0101_0101_0101_0101 * at as u64);
    }
    for (at, value) in floats.into_iter().enumerate() {
        assert_eq!(value.to_bits(), (1.5 + at as f64).to_bits());
    }
    result
}

#[test]
fn pitfall_15_registers_survive_every_access_and_every_fault() {
    let edge = Edge::new(Beyond::NoAccess);
    let mut buffer = [0; 5000];
    for len in [1, 2, 3, 4, 7, 8, 15, 16, 17, 32, 33, 64, 65, 128, 129, 256, 257, 2000, 4999] {
        for before in [len, len - 1, len / 2, 0] {
            let expected = if before == len { Ok(()) } else { Err(before) };
            let own = SrcBlock::from_slice(&buffer);
            let result = with_live_values(|| copy(edge.dst(before, len), own));
            assert_eq!(result.map(drop).map_err(|partial| partial.done), expected);
            let own = DstBlock::from_slice(&mut buffer);
            let result = with_live_values(|| copy(own, edge.src(before, len)));
            assert_eq!(result.map(drop).map_err(|partial| partial.done), expected);
            let result = with_live_values(|| zero(edge.dst(before, len)));
            assert_eq!(result.map(drop).map_err(|partial| partial.done), expected);
        }
    }
    for (word, works) in [(edge.dst(4, 4), true), (edge.dst(0, 4), false)] {
        assert_eq!(with_live_values(|| atomic::load::<u32>(word.as_source())).is_ok(), works);
        assert_eq!(with_live_values(|| atomic::swap::<u32>(word, 1)).is_ok(), works);
        assert_eq!(with_live_values(|| atomic::compare_exchange::<u32>(word, 1, 2)).is_ok(), works);
    }
}

/// Runs `access` while the register that finds thread-local variables points nowhere.
#[cfg(target_arch = "x86_64")]
fn without_thread_pointer<R>(access: impl FnOnce() -> R) -> R {
    const ARCH_SET_FS: u64 = 0x1002;
    const ARCH_GET_FS: u64 = 0x1003;
    /// `libc::syscall` would store `errno`, which is a thread-local variable.
    fn arch_prctl(code: u64, argument: u64) {
        let result: u64;
        // SAFETY: reads or sets the FS base; nothing in between uses it.
        unsafe {
            std::arch::asm!(
                "syscall",
                inout("rax") libc::SYS_arch_prctl as u64 => result,
                in("rdi") code,
                in("rsi") argument,
                out("rcx") _,
                out("r11") _,
                options(nostack),
            );
        }
        // No panic: it would need what is missing.
        if result != 0 {
            std::process::abort();
        }
    }
    let mut base = 0_u64;
    arch_prctl(ARCH_GET_FS, (&raw mut base).expose_provenance() as u64);
    arch_prctl(ARCH_SET_FS, 0);
    let result = access();
    arch_prctl(ARCH_SET_FS, base);
    result
}

#[test]
#[cfg(target_arch = "x86_64")]
fn pitfall_16_a_fault_is_recovered_without_thread_local_variables() {
    let edge = Edge::new(Beyond::NoAccess);
    let mut buffer = [0; 400];
    for len in [10, 60, 400] {
        let own = DstBlock::from_slice(&mut buffer);
        let src = edge.src(len / 2, len);
        let result = without_thread_pointer(|| copy(own, src));
        assert_eq!(result.unwrap_err().done, len / 2);
    }
    let word = edge.dst(0, 4);
    assert!(without_thread_pointer(|| atomic::swap::<u32>(word, 1)).is_err());
}
