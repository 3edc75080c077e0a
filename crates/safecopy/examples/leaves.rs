//! The hot leaves as another crate gets them, for `cargo xtask asm` to disassemble.
//!
//! Each function is one access, with arguments and result in registers, so that what is compared is what a caller
//! pays and nothing else.

use std::hint::black_box;

use safecopy::atomic::{self, DstWord, SrcWord};
use safecopy::{DstBlock, SrcBlock, copy, zero};

fn main() {
    let mut own = [0; 64];
    let from = [7; 64];
    let (dst, src) = (DstBlock::from_slice(&mut own), SrcBlock::from_slice(&from));
    assert_eq!(copy_run_time(black_box(dst), black_box(src)), Some(64));
    assert_eq!(copy_8(black_box(dst), black_box(src)), Some(8));
    assert_eq!(zero_run_time(black_box(dst)), Some(64));
    let mut word = Word([5; 8]);
    let word = DstBlock::from_slice(&mut word.0);
    assert_eq!(load_u64(black_box(word.as_source())), Some(0x0505_0505_0505_0505));
    assert_eq!(
        compare_exchange_u32(black_box(word), black_box(0x0505_0505), black_box(1)),
        Some(0x0505_0505)
    );
    let word = DstWord::new(word).expect("it is aligned");
    assert!(store_word(black_box(word), black_box(6)));
    assert_eq!(load_word(black_box(word.as_source())), Some(6));
}

#[repr(align(8))]
struct Word([u8; 8]);

#[inline(never)]
fn copy_run_time(dst: DstBlock<'_>, src: SrcBlock<'_>) -> Option<usize> {
    copy(dst, src).ok()
}

#[inline(never)]
fn copy_8(dst: DstBlock<'_>, src: SrcBlock<'_>) -> Option<usize> {
    if dst.len() < 8 || src.len() < 8 {
        return None;
    }
    copy(dst.take_first(8), src.take_first(8)).ok()
}

#[inline(never)]
fn zero_run_time(dst: DstBlock<'_>) -> Option<usize> {
    zero(dst).ok()
}

#[inline(never)]
fn load_u64(src: SrcBlock<'_>) -> Option<u64> {
    atomic::load(src).ok()
}

#[inline(never)]
fn compare_exchange_u32(dst: DstBlock<'_>, expected: u32, new: u32) -> Option<u32> {
    atomic::compare_exchange(dst, expected, new).ok()
}

#[inline(never)]
fn load_word(word: SrcWord<'_, u64>) -> Option<u64> {
    word.load().ok()
}

#[inline(never)]
fn store_word(word: DstWord<'_, u64>, new: u64) -> bool {
    word.store(new).is_ok()
}
