//! Streaming, atomics and what is held meanwhile.

use std::sync::Arc;

use safecopy::{
    Destination, DstBlockSeq, Reader, Source, SrcBlockSeq, StreamError, Writer, zero_seq,
};
use usermem_io::{Io, IoCause, IoExt};
use usermem_types::{AddrRange, AddrRangeSeq, Errno, Fault, FaultKind, Partial, Transfer};

use super::fork::fork;
use super::rig::{CHECKED, NONE, POKE, R, RW, RX, Rig, page};
use crate::fast::Part;
use crate::range::PAGE;
use crate::{MemoryManager, MmapFlags};

/// Counts its calls and says what it was told to.
#[derive(Default)]
struct Scripted {
    calls: Vec<usize>,
    answer: Option<Transfer<StreamError>>,
    watch: Option<Arc<MemoryManager>>,
}

impl Scripted {
    fn answer(&mut self, offered: usize) -> Transfer<StreamError> {
        self.calls.push(offered);
        if let Some(mm) = &self.watch {
            assert!(mm.mapping.try_write().is_some(), "the mapping is locked");
        }
        self.answer.unwrap_or(Ok(offered))
    }
}

impl Reader for Scripted {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        zero_seq(dsts).unwrap();
        self.answer(dsts.num_bytes())
    }
}

impl Writer for Scripted {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        self.answer(srcs.num_bytes())
    }
}

fn range(index: u64, offset: u64, len: u64) -> AddrRange {
    page(index).checked_add(offset).unwrap().to_range(len).unwrap()
}

#[test]
fn the_other_end_is_called_once_with_the_prefix() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    rig.map(1, 1, R);
    let ranges = [range(0, 4090, 3), range(2, 0, 5), range(0, 4090, 10), range(2, 0, 1)];
    let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut reader = Scripted::default();
    let partial = rig.mm.copy_out_from(ranges, &mut reader, CHECKED).unwrap_err();
    let fault = Fault::new(FaultKind::Protection, page(1));
    assert_eq!(partial, Partial::new(3 + 5 + 6, IoCause::Fault(fault)));
    assert_eq!(reader.calls, [14]);

    let mut short = Scripted { answer: Some(Ok(9)), ..Scripted::default() };
    assert_eq!(rig.mm.copy_out_from(ranges, &mut short, CHECKED), Ok(9));

    let error = Partial::new(4, StreamError::Errno(Errno::EIO));
    let mut failing = Scripted { answer: Some(Err(error)), ..Scripted::default() };
    let partial = rig.mm.copy_out_from(ranges, &mut failing, CHECKED).unwrap_err();
    assert_eq!(partial, Partial::new(4, IoCause::Stream(Errno::EIO)));

    let mut writer = Scripted::default();
    assert_eq!(rig.mm.copy_in_to(ranges, &mut writer, CHECKED), Ok(19));
    assert_eq!(writer.calls, [19]);
}

#[test]
fn the_other_end_moved_no_more_than_it_was_given() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    let ranges = AddrRangeSeq::of(range(0, 4090, 10)).unwrap();
    let fault = IoCause::Fault(Fault::new(FaultKind::Unmapped, page(1)));
    let mut liar = Scripted { answer: Some(Ok(usize::MAX)), ..Scripted::default() };
    assert_eq!(rig.mm.copy_out_from(ranges, &mut liar, CHECKED), Err(Partial::new(6, fault)));
    assert_eq!(rig.mm.copy_in_to(ranges, &mut liar, CHECKED), Err(Partial::new(6, fault)));
    assert_eq!(rig.mm.copy_in_to(ranges.take_first(5), &mut liar, CHECKED), Ok(5));
    let error = Partial::new(usize::MAX, StreamError::Errno(Errno::EIO));
    let mut liar = Scripted { answer: Some(Err(error)), ..Scripted::default() };
    let stopped = Partial::new(6, IoCause::Stream(Errno::EIO));
    assert_eq!(rig.mm.copy_out_from(ranges, &mut liar, CHECKED), Err(stopped));
}

#[test]
fn the_other_end_is_not_called_for_nothing() {
    let rig = Rig::new();
    rig.map(0, 1, NONE);
    let mut other = Scripted::default();
    let first_bad = [range(0, 0, 1), range(5, 0, 1)];
    let ranges = AddrRangeSeq::from_slice(&first_bad).unwrap();
    let partial = rig.mm.copy_in_to(ranges, &mut other, CHECKED).unwrap_err();
    let fault = Fault::new(FaultKind::Protection, page(0));
    assert_eq!(partial, Partial::new(0, IoCause::Fault(fault)));
    let empty = [range(0, 0, 0), range(5, 0, 0)];
    let ranges = AddrRangeSeq::from_slice(&empty).unwrap();
    assert_eq!(rig.mm.copy_in_to(ranges, &mut other, CHECKED), Ok(0));
    assert_eq!(rig.mm.copy_out_from(AddrRangeSeq::default(), &mut other, CHECKED), Ok(0));
    assert!(other.calls.is_empty());
}

#[test]
fn pitfall_17_a_short_source_leaves_no_hole() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    rig.mm.copy_out(page(0), &[7; 3 * 4096], CHECKED).unwrap();
    let ranges = [range(0, 0, 4096), range(2, 0, 4096)];
    let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut source = safecopy::SliceReader::new(&[1; 100]);
    let result = rig.mm.copy_out_from(ranges, &mut source, CHECKED);
    let done = result.unwrap_or_else(|partial| partial.done);
    assert_eq!(done, 100);
    assert_eq!((rig.peek(page(0)), rig.peek(range(0, 100, 1).start())), (Ok(1), Ok(7)));
    assert_eq!(rig.peek(page(2)), Ok(7), "the second range is untouched");
}

#[test]
fn pitfall_24_the_mapping_is_not_locked_while_memory_is_touched() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    let ranges = AddrRangeSeq::of(range(0, 0, 2 * PAGE)).unwrap();
    for _ in 0..2 {
        let watch = Some(Arc::clone(&rig.mm));
        let mut other = Scripted { watch, ..Scripted::default() };
        assert_eq!(rig.mm.copy_out_from(ranges, &mut other, CHECKED), Ok(8192));
        assert_eq!(rig.mm.copy_in_to(ranges, &mut other, CHECKED), Ok(8192));
        assert_eq!(other.calls, [8192, 8192]);
    }
}

#[test]
fn pitfall_28_zero_length_checks_the_range() {
    let rig = Rig::new();
    let max = rig.mm.layout().limit;
    let beyond = max.checked_add(1).unwrap();
    let bad = |addr| Err(Partial::new(0, Fault::new(FaultKind::OutOfRange, addr)));
    assert_eq!(rig.mm.copy_in(max, &mut [], CHECKED), Ok(0));
    assert_eq!(rig.mm.copy_in(page(0), &mut [], CHECKED), Ok(0));
    // Beyond by one byte and by one bit; the highest bits may be a tag.
    for addr in [beyond, usermem_types::Addr::new(max.get() * 2)] {
        assert_eq!(rig.mm.copy_in(addr, &mut [], CHECKED), bad(addr));
        assert_eq!(rig.mm.copy_out(addr, &[], CHECKED), bad(addr));
        assert_eq!(rig.mm.zero_out(addr, 0, CHECKED), bad(addr));
    }
    // A bad last element fails the whole call, before anything is moved.
    rig.map(0, 1, RW);
    let last = max.to_range(1).unwrap();
    let ranges = [range(0, 0, 8), last];
    let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut other = Scripted::default();
    let partial = rig.mm.copy_out_from(ranges, &mut other, CHECKED).unwrap_err();
    assert_eq!(partial, Partial::new(0, IoCause::Fault(Fault::new(FaultKind::OutOfRange, max))));
    assert!(other.calls.is_empty());
}

#[test]
fn pitfall_22_short_counts_come_from_the_copy() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    let start = range(1, 4000, 1).start();
    let partial = rig.mm.copy_out(start, &[3; 4096], CHECKED).unwrap_err();
    assert_eq!(partial, Partial::new(96, Fault::new(FaultKind::Unmapped, page(2))));
    let partial = rig.mm.zero_out(start, 97, CHECKED).unwrap_err();
    assert_eq!((partial.done, partial.cause.addr), (96, page(2)));
}

/// Reads until sections are open again after a change, which they are not at once when other threads read.
fn open_sections(rig: &Rig) {
    for _ in 0..5000 {
        rig.peek(page(0)).unwrap();
    }
}

/// Sections go by the same rights and bounds as everything else.
#[test]
fn a_section_allows_what_the_mapping_allows() {
    let rig = Rig::new();
    let reads = |addr, len, opts| {
        let first = rig.mm.fast::<Source>(addr, Part::First(len), opts);
        let first = first.map_or(0, |section| section.block().len());
        let all = rig.mm.fast::<Source>(addr, Part::All(len), opts);
        let is_all = all.is_some_and(|section| section.block().len() == len);
        assert_eq!(first == len, is_all, "what was found by a search is found without one");
        is_all
    };
    let writes = |addr, opts| {
        let first = rig.mm.fast::<Destination>(addr, Part::First(8), opts).is_some();
        let word = rig.mm.fast::<Destination>(addr, Part::Word(8), opts).is_some();
        assert_eq!(first, word, "what was found by a search is found without one");
        word
    };
    let cases = [RW, R, NONE, RX];
    for (index, access) in (0..).zip(cases) {
        // With a hole behind each.
        rig.map(2 * index, 1, RW);
        rig.store(page(2 * index), b"x").unwrap();
        rig.mm.mprotect(page(2 * index), PAGE, access.prot()).unwrap();
    }
    open_sections(&rig);
    for (index, access) in (0..).zip(cases) {
        let start = page(2 * index).get();
        for _ in 0..2 {
            assert_eq!(reads(start, 8, CHECKED), access.read(), "{access:?}");
            assert_eq!(writes(start, CHECKED), access.write(), "{access:?}");
            assert!(reads(start, 8, POKE) && writes(start, POKE), "{access:?}");
        }
        assert!(reads(start, PAGE as usize, POKE) && reads(start + PAGE - 1, 1, POKE));
        for (addr, len) in [(start, PAGE as usize + 1), (start + PAGE - 7, 8), (start - 4, 8)] {
            assert!(!reads(addr, len, POKE), "{len} bytes at {addr:#x}");
        }
        assert!(!reads(start + PAGE, 1, POKE) && !reads(start - 1, 1, POKE));
    }
    for addr in [0, 7, u64::MAX, u64::MAX - 3, u64::MAX - 7, 1 << 63] {
        assert!(!reads(addr, 8, POKE), "{addr:#x}");
    }
    // Nobody writes what a child shares, whoever asks.
    let child = fork(&rig).unwrap();
    open_sections(&rig);
    assert!(reads(page(0).get(), 8, CHECKED) && !writes(page(0).get(), CHECKED));
    assert!(reads(page(4).get(), 8, POKE) && !writes(page(4).get(), POKE));
    drop(child);
    rig.check();
}

/// Ranges of all kinds, more than one section takes: short ones, long ones, across pmas, with a tail that
/// the buffer has no room for.
#[test]
fn vectors_go_ahead_up_to_what_is_not_there() {
    let rig = Rig::new();
    // Pages that cannot be one pma: their memory does not follow on.
    rig.map(0, 1, RW);
    rig.mm.zero_out(page(0), 1, CHECKED).unwrap();
    rig.map(3, 40, RW);
    rig.mm.zero_out(page(3), 40 << 12, CHECKED).unwrap();
    rig.map(1, 2, RW);
    rig.mm.zero_out(page(1), 2 << 12, CHECKED).unwrap();
    let all: Vec<u8> = (0..43 << 12).map(|at: u32| (at ^ at >> 8) as u8).collect();
    assert_eq!(rig.mm.copy_out(page(0), &all, CHECKED), Ok(all.len()));
    open_sections(&rig);
    let mut ranges: Vec<_> =
        (0..50).map(|index| range(index % 40, 13 * index, 1 + index)).collect();
    ranges.push(range(2, 4000, 20_000));
    ranges.push(range(0, 0, 43 << 12));
    ranges.push(range(0, 4090, 12));
    let expected: Vec<u8> = ranges
        .iter()
        .flat_map(|range| {
            let at = (range.start().get() - page(0).get()) as usize;
            all[at..at + range.len() as usize].to_vec()
        })
        .collect();
    let end = ranges.len();
    ranges.push(range(5, 0, 0));
    ranges.push(range(7, 0, 1));
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut dst = vec![0xee; expected.len() + 1];
    // A range of length zero is for the usual way, and so is one that has no memory.
    assert_eq!(rig.mm.copy_in_ahead(seq, &mut dst, CHECKED), expected.len());
    assert_eq!((&dst[..expected.len()], dst[expected.len()]), (&expected[..], 0xee));
    ranges[end] = range(42, 4000, 97);
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    // A part of one is as good as all, and the buffer has room for one byte of it.
    assert_eq!(rig.mm.copy_in_ahead(seq.drop_first(5), &mut dst[5..], CHECKED), expected.len() - 4);
    let mut dst = vec![0; expected.len() + 1000];
    let unmapped = Fault::new(FaultKind::Unmapped, page(43));
    let partial = Partial::new(expected.len() + 96, IoCause::Fault(unmapped));
    assert_eq!(rig.mm.copy_in_vec(seq, &mut dst, CHECKED), Err(partial));
    assert_eq!(dst[..expected.len()], expected);
    open_sections(&rig);
    // Never more than the buffer or the sequence has.
    for len in [1, 20, 21, 1000, 1275, 1276, 5000, expected.len()] {
        let mut dst = vec![0; expected.len()];
        assert_eq!(rig.mm.copy_in_ahead(seq, &mut dst[..len], CHECKED), len);
        assert_eq!(dst[..len], expected[..len]);
        let short = seq.take_first(len as u64);
        assert_eq!(rig.mm.copy_in_ahead(short, &mut dst, CHECKED), len);
        assert_eq!(rig.mm.zero_out_ahead(seq, len, CHECKED), len);
        assert_eq!(rig.mm.copy_out_ahead(seq.take_first(len as u64), &expected, CHECKED), len);
    }
    let mut after = vec![0; all.len()];
    assert_eq!(rig.mm.copy_in(page(0), &mut after, CHECKED), Ok(all.len()));
    assert!(after == all, "what was written back is not what was there");
    // Nothing is shown to who may not see it.
    rig.mm.mprotect(page(1), PAGE, NONE.prot()).unwrap();
    open_sections(&rig);
    assert_eq!(rig.mm.copy_in_ahead(seq, &mut dst, CHECKED), 1);
    assert_eq!(rig.mm.zero_out_ahead(seq, 99, CHECKED), 1);
}

#[test]
fn values_of_eight_bytes_are_found_ahead_where_they_are_aligned() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    let bytes: Vec<u8> = (1..=32).collect();
    rig.mm.copy_out(range(0, 4064, 1).start(), &bytes, CHECKED).unwrap();
    open_sections(&rig);
    for offset in 4064..4088 {
        let at = range(0, offset, 1).start();
        let eight: [u8; 8] = bytes[offset as usize - 4064..][..8].try_into().unwrap();
        let ahead = (offset % 8 == 0).then_some(eight);
        assert_eq!(rig.mm.copy_in_8_ahead(at, CHECKED), ahead, "{offset}");
        assert_eq!(rig.mm.copy_in_object(at, CHECKED), Ok(eight), "{offset}");
        assert_eq!(rig.mm.copy_in_object(at, CHECKED), Ok(u64::from_ne_bytes(eight)), "{offset}");
    }
    let cut_off = Partial::new(7, Fault::new(FaultKind::Unmapped, page(1)));
    let at = range(0, 4089, 1).start();
    assert_eq!(rig.mm.copy_in_object::<u64>(at, CHECKED), Err(cut_off));
    assert_eq!(rig.mm.copy_in_8_ahead(page(1), CHECKED), None);
}

#[test]
fn atomics_work_on_the_page_itself() {
    let rig = Rig::new();
    rig.map_with(0, 1, RW, MmapFlags::SHARED);
    let other = rig.mm.mremap(page(0), 0, PAGE, 1, page(0)).unwrap();
    let word = |addr: usermem_types::Addr| addr.aligned::<4>().unwrap();
    let at = word(page(0).checked_add(8).unwrap());
    assert_eq!(rig.mm.swap_u32(at, 5, CHECKED), Ok(0));
    assert_eq!(rig.mm.compare_exchange_u32(at, 4, 9, CHECKED), Ok(5));
    assert_eq!(rig.mm.compare_exchange_u32(at, 5, 6, CHECKED), Ok(5));
    assert_eq!(rig.mm.load_u32(word(other.checked_add(8).unwrap()), CHECKED), Ok(6));
    assert_eq!(rig.load(at.addr()), Ok(6));
    rig.mm.mprotect(page(0), PAGE, 1).unwrap();
    assert_eq!(rig.mm.load_u32(at, CHECKED), Ok(6));
    let refused = Err(Fault::new(FaultKind::Protection, at.addr()));
    assert_eq!(rig.mm.swap_u32(at, 1, CHECKED), refused);
    // Even when the comparison fails.
    assert_eq!(rig.mm.compare_exchange_u32(at, 0, 1, CHECKED), refused);
    let hole = word(page(3));
    assert_eq!(rig.mm.load_u32(hole, CHECKED), Err(Fault::new(FaultKind::Unmapped, page(3))));
}

#[test]
fn a_read_only_private_page_is_not_written_through() {
    let rig = Rig::new();
    let object = rig.object(PAGE);
    rig.map_object(&object, 0, 1, RW, MmapFlags::PRIVATE).unwrap();
    assert_eq!(rig.peek(page(0)), Ok(1));
    let at = page(0).aligned::<4>().unwrap();
    assert_eq!(rig.mm.swap_u32(at, 0, CHECKED), Ok(0x0101_0101));
    assert_eq!((object.byte(0), rig.load(page(0))), (1, Ok(0)));
    rig.check();
}

#[test]
fn copies_and_changes_of_the_mapping_race_without_harm() {
    let rig = Rig::new();
    rig.map(0, 8, RW);
    std::thread::scope(|scope| {
        for thread in 0..2u8 {
            let rig = &rig;
            scope.spawn(move || {
                let mut buffer = [0u8; 3 * 4096];
                for _ in 0..400 {
                    let start = range(u64::from(thread), 100, 1).start();
                    let wrote = rig.mm.copy_out(start, &[thread + 1; 3 * 4096], CHECKED);
                    let read = rig.mm.copy_in(start, &mut buffer, CHECKED);
                    for result in [wrote, read] {
                        let done = result.unwrap_or_else(|partial| partial.done);
                        assert!(buffer[..done.min(1)].iter().all(|byte| *byte <= 2));
                    }
                }
            });
        }
        for step in 0..400 {
            let index = step % 5;
            rig.mm.munmap(page(index), PAGE).unwrap();
            rig.mm.mprotect(page(index + 1), PAGE, 1).ok();
            rig.map(index, 2, RW);
        }
    });
    rig.check();
}
