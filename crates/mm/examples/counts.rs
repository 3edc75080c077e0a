//! The hot paths, one function each, for `cargo xtask counts` to count the instructions of.
//!
//! A row is a function called `row_…`, which does one thing [`TIMES`] times over and checks the answer. What it needs is made
//! before, where nothing is counted, and everything runs once before it is counted. Started without valgrind it checks the
//! answers alone.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MemoryManager, MmapFlags, MmapRequest};
use platform::null::NullAddressSpace;
use safecopy::{BackEnd, DstBlock, DstBlockSeq, SrcBlock, SrcBlockSeq};
use usermem_io::{BytesIo, Io, IoExt, IoOpts, IoSequence};
use usermem_types::{AccessType, Addr, AddrRange, AddrRangeSeq};

/// How often a row does what it is about; `cargo xtask counts` divides by it.
const TIMES: usize = 64;

/// What copies, for the numbers to be the same on every CPU and under valgrind, which knows no AVX-512.
#[cfg(target_arch = "x86_64")]
const BACK_END: &str = "avx";
#[cfg(target_arch = "aarch64")]
const BACK_END: &str = "ldp/stp, ll-sc";

const PAGE: u64 = 4096;
const BASE: u64 = 0x1000_0000;
const MANY: u64 = 1000;
const RW: AccessType = AccessType::READ_WRITE;
const CHECKED: IoOpts = IoOpts::CHECKED;

fn main() -> ExitCode {
    safecopy::init().expect("the host lets us install handlers");
    let Some(back_end) = BackEnd::available().find(|back_end| back_end.name() == BACK_END) else {
        eprintln!("this CPU cannot run the back end `{BACK_END}`");
        return ExitCode::from(2);
    };
    back_end.select();
    leaves();
    sequences();
    bytes();
    memory();
    ExitCode::SUCCESS
}

type CopyRow = fn(DstBlock<'_>, SrcBlock<'_>);

fn leaves() {
    let from = vec![7; 4096];
    let mut to = vec![0; 4096];
    let rows: [(usize, CopyRow); 4] = [
        (8, row_safecopy_copy_8),
        (64, row_safecopy_copy_64),
        (256, row_safecopy_copy_256),
        (4096, row_safecopy_copy_4096),
    ];
    for (len, row) in rows {
        row(DstBlock::from_slice(&mut to[..len]), SrcBlock::from_slice(&from[..len]));
        assert_eq!(to[..len], from[..len]);
    }
    row_safecopy_zero_64(DstBlock::from_slice(&mut to[..64]));
    assert_eq!(to[..64], [0; 64]);
}

fn copy(dst: DstBlock<'_>, src: SrcBlock<'_>) {
    for _ in 0..TIMES {
        assert!(safecopy::copy(black_box(dst), black_box(src)) == Ok(dst.len()));
    }
}

#[inline(never)]
fn row_safecopy_copy_8(dst: DstBlock<'_>, src: SrcBlock<'_>) {
    copy(dst, src);
}

#[inline(never)]
fn row_safecopy_copy_64(dst: DstBlock<'_>, src: SrcBlock<'_>) {
    copy(black_box(dst), src);
}

#[inline(never)]
fn row_safecopy_copy_256(dst: DstBlock<'_>, src: SrcBlock<'_>) {
    copy(dst, black_box(src));
}

#[inline(never)]
fn row_safecopy_copy_4096(dst: DstBlock<'_>, src: SrcBlock<'_>) {
    copy(black_box(dst), black_box(src));
}

#[inline(never)]
fn row_safecopy_zero_64(dst: DstBlock<'_>) {
    for _ in 0..TIMES {
        assert!(safecopy::zero(black_box(dst)) == Ok(64));
    }
}

fn sequences() {
    let from = vec![7; 4096];
    let mut to = vec![0; 4096];
    let srcs: Vec<_> = from.chunks(64).map(SrcBlock::from_slice).collect();
    let dsts: Vec<_> = to.chunks_mut(64).map(DstBlock::from_slice).collect();
    row_safecopy_copy_seq_64x64(&dsts, &srcs);
    let short: Vec<_> = dsts.iter().take(8).map(|block| block.take_first(16)).collect();
    let from_short: Vec<_> = srcs.iter().take(8).map(|block| block.take_first(16)).collect();
    row_safecopy_copy_seq_8x16(&short, &from_short);
    assert_eq!(to, from);
}

#[inline(never)]
fn row_safecopy_copy_seq_8x16(dsts: &[DstBlock<'_>], srcs: &[SrcBlock<'_>]) {
    for _ in 0..TIMES {
        let (dsts, srcs) = (DstBlockSeq::from_slice(dsts), SrcBlockSeq::from_slice(srcs));
        assert!(safecopy::copy_seq(dsts, srcs) == Ok(128));
    }
}

#[inline(never)]
fn row_safecopy_copy_seq_64x64(dsts: &[DstBlock<'_>], srcs: &[SrcBlock<'_>]) {
    for _ in 0..TIMES {
        let (dsts, srcs) = (DstBlockSeq::from_slice(dsts), SrcBlockSeq::from_slice(srcs));
        assert!(safecopy::copy_seq(dsts, srcs) == Ok(4096));
    }
}

fn bytes() {
    let mut buffer = vec![7; 64];
    row_bytes_io_copy_in_8(&BytesIo::new(&mut buffer));
}

#[inline(never)]
fn row_bytes_io_copy_in_8(io: &BytesIo<'_>) {
    let mut own = [0; 8];
    for _ in 0..TIMES {
        assert!(io.copy_in(black_box(Addr::new(8)), &mut own, CHECKED) == Ok(8));
    }
    assert_eq!(own, [7; 8]);
}

/// A memory manager whose page `2 * n` is mapped and written, for `n` below `mappings`.
fn program(mappings: u64) -> Arc<MemoryManager> {
    let options = MemoryFileOptions { reservation: 1 << 28, ..MemoryFileOptions::default() };
    let memory = MemoryFile::new(options).expect("the host gives us memory");
    let mm = MemoryManager::new(Arc::new(NullAddressSpace::new()), memory);
    for index in 0..mappings {
        map(&mm, page(index));
        mm.copy_out(page(index), &[7; 8], CHECKED).expect("was just mapped");
    }
    mm
}

fn page(index: u64) -> Addr {
    Addr::new(BASE + 2 * index * PAGE)
}

fn map(mm: &MemoryManager, addr: Addr) {
    let request = MmapRequest::anonymous(addr, PAGE, RW, MmapFlags::FIXED);
    assert_eq!(mm.mmap(request), Ok(addr));
}

fn memory() {
    let few = program(1);
    let mut own = vec![7; 4096];
    few.copy_out(page(0), &own, CHECKED).expect("is mapped");
    row_mm_copy_in_8(&few);
    row_mm_copy_out_8(&few);
    row_mm_copy_in_4096(&few, &mut own);
    row_mm_copy_out_4096(&few, &own);
    row_mm_copy_in_u64(&few);
    let ranges: Vec<_> = (0..64)
        .map(|index| Addr::new(BASE + 64 * index).to_range(64).expect("is in the lower half"))
        .collect();
    row_mm_copy_in_vec_64x64(&few, &ranges, &mut own);
    let short: Vec<_> = ranges.iter().take(8).map(|range| range.take_first(16)).collect();
    row_mm_copy_in_vec_8x16(&few, &short, &mut own[..128]);
    let many = program(MANY);
    row_mm_copy_in_8_of_1000_first(&many, &places());
    row_mm_copy_in_8_of_1000(&many, &places());
    row_mm_map_and_unmap(&many);
    // The first one below all others makes room for itself.
    reserve_and_unmap(&many);
    row_mm_reserve_and_unmap(&many);
    row_mm_fork_of_100(&program(100));
}

#[inline(never)]
fn row_mm_copy_in_8(mm: &MemoryManager) {
    let mut own = [0; 8];
    for _ in 0..TIMES {
        assert!(mm.copy_in(black_box(page(0)), &mut own, CHECKED) == Ok(8));
    }
    assert_eq!(own, [7; 8]);
}

#[inline(never)]
fn row_mm_copy_out_8(mm: &MemoryManager) {
    for _ in 0..TIMES {
        assert!(mm.copy_out(black_box(page(0)), &[7; 8], CHECKED) == Ok(8));
    }
}

#[inline(never)]
fn row_mm_copy_in_4096(mm: &MemoryManager, own: &mut [u8]) {
    for _ in 0..TIMES {
        assert!(mm.copy_in(black_box(page(0)), own, CHECKED) == Ok(4096));
    }
}

#[inline(never)]
fn row_mm_copy_out_4096(mm: &MemoryManager, own: &[u8]) {
    for _ in 0..TIMES {
        assert!(mm.copy_out(black_box(page(0)), own, CHECKED) == Ok(4096));
    }
}

#[inline(never)]
fn row_mm_copy_in_u64(mm: &MemoryManager) {
    for _ in 0..TIMES {
        assert!(mm.copy_in_object(black_box(page(0)), CHECKED) == Ok([7_u8; 8]));
    }
}

#[inline(never)]
fn row_mm_copy_in_vec_64x64(mm: &MemoryManager, ranges: &[AddrRange], own: &mut [u8]) {
    let ranges = AddrRangeSeq::from_slice(ranges).expect("is little");
    for _ in 0..TIMES {
        assert!(IoSequence::new(mm, black_box(ranges), CHECKED).copy_in(own) == Ok(4096));
    }
    assert_eq!(own, [7; 4096]);
}

#[inline(never)]
fn row_mm_copy_in_vec_8x16(mm: &MemoryManager, ranges: &[AddrRange], own: &mut [u8]) {
    let ranges = AddrRangeSeq::from_slice(ranges).expect("is little");
    for _ in 0..TIMES {
        assert!(IoSequence::new(mm, black_box(ranges), CHECKED).copy_in(own) == Ok(128));
    }
    assert_eq!(own, [7; 128]);
}

/// Of mappings that lie all over the place, so that none is near the one before.
fn places() -> Vec<Addr> {
    (0..TIMES as u64).map(|turn| page(turn * 389 % MANY)).collect()
}

#[inline(never)]
fn row_mm_copy_in_8_of_1000(mm: &MemoryManager, places: &[Addr]) {
    let mut own = [0; 8];
    for addr in places {
        assert!(mm.copy_in(*addr, &mut own, CHECKED) == Ok(8));
    }
    assert_eq!(own, [7; 8]);
}

/// Of mappings that nobody read before.
#[inline(never)]
fn row_mm_copy_in_8_of_1000_first(mm: &MemoryManager, places: &[Addr]) {
    let mut own = [0; 8];
    for addr in black_box(places) {
        assert!(mm.copy_in(*addr, &mut own, CHECKED) == Ok(8));
    }
    assert_eq!(own, [7; 8]);
}

/// Beside 1000 others, without touching the page.
#[inline(never)]
fn row_mm_map_and_unmap(mm: &MemoryManager) {
    for _ in 0..TIMES {
        map(mm, page(MANY));
        assert_eq!(mm.munmap(page(MANY), PAGE), Ok(()));
    }
}

/// Below 1000 others, of which none is near.
#[inline(never)]
fn row_mm_reserve_and_unmap(mm: &MemoryManager) {
    for _ in 0..TIMES {
        reserve_and_unmap(mm);
    }
}

fn reserve_and_unmap(mm: &MemoryManager) {
    let (addr, flags) = (Addr::new(BASE / 2), MmapFlags::FIXED_NOREPLACE);
    let request = MmapRequest::anonymous(addr, PAGE, AccessType::NONE, flags);
    assert_eq!(mm.mmap(request), Ok(addr));
    assert_eq!(mm.munmap(addr, PAGE), Ok(()));
}

/// And what it costs to end the child.
#[inline(never)]
fn row_mm_fork_of_100(mm: &MemoryManager) {
    for _ in 0..TIMES {
        drop(mm.fork(Arc::new(NullAddressSpace::new())).expect("there is memory for a child"));
    }
}
