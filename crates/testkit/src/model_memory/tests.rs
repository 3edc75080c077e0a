use safecopy::{DstBlockSeq, HostFault, Reader, StreamError};
use usermem_io::{Io, IoCause};
use usermem_types::Errno;

use super::*;
use crate::{ScriptedReader, ScriptedWriter};

const CHECKED: IoOpts = IoOpts::CHECKED;
const IGNORE: IoOpts = IoOpts::IGNORE_PERMISSIONS;

fn fault(done: usize, kind: FaultKind, addr: u64) -> Partial<Fault> {
    Partial::new(done, Fault::new(kind, Addr::new(addr)))
}

fn range(start: u64, end: u64) -> AddrRange {
    AddrRange::new(Addr::new(start), Addr::new(end)).unwrap()
}

#[test]
fn what_was_unmapped_is_gone() {
    let memory = ModelMemory::new(&Layout::parse("r-- 1000-2000"));
    let addr = Addr::new(0x1000);
    assert_eq!(memory.copy_in(addr, &mut [0], CHECKED), Ok(1));
    memory.unmap(range(0x1000, 0x2000));
    let unmapped = Err(fault(0, FaultKind::Unmapped, 0x1000));
    assert_eq!(memory.copy_in(addr, &mut [0], CHECKED), unmapped);
    assert_eq!(memory.copy_in(addr, &mut [0], IGNORE), unmapped);
}

#[test]
fn what_was_protected_is_there_for_those_who_ignore_it() {
    let memory = ModelMemory::new(&Layout::parse("rw- 1000-2000; rw- 2000-3000 max r--"));
    let addr = Addr::new(0x1fff);
    assert_eq!(memory.copy_out(addr, b"x", CHECKED), Ok(1));
    memory.protect(range(0x1000, 0x3000), AccessType::READ);
    let protected = Err(fault(0, FaultKind::Protection, 0x1fff));
    assert_eq!(memory.copy_out(addr, b"y", CHECKED), protected);
    assert_eq!(memory.copy_out(addr, b"y", IGNORE), Ok(1));
    // Never more than what is mapped allows.
    let protected = Err(fault(1, FaultKind::Protection, 0x2000));
    assert_eq!(memory.copy_out(addr, b"zz", IGNORE), protected);
}

#[test]
fn protections_hold_unless_they_are_ignored() {
    let memory = ModelMemory::new(&Layout::parse("r-- 0-4 max r-x; -w- 4-8; --- 8-c max r--"));
    assert_eq!(memory.copy_in(Addr::ZERO, &mut [0; 8], CHECKED), Ok(8));
    let protected = Err(fault(0, FaultKind::Protection, 0));
    assert_eq!(memory.copy_out(Addr::ZERO, b"x", CHECKED), protected);
    assert_eq!(memory.copy_out(Addr::ZERO, b"x", IGNORE), protected);
    assert_eq!(memory.copy_out(Addr::new(4), b"abcd", CHECKED), Ok(4));
    let protected = Err(fault(2, FaultKind::Protection, 8));
    assert_eq!(memory.copy_in(Addr::new(6), &mut [0; 4], CHECKED), protected);
    let mut dst = [1; 4];
    assert_eq!(memory.copy_in(Addr::new(6), &mut dst, IGNORE), Ok(4));
    assert_eq!(&dst, b"cd\0\0");
    assert_eq!(memory.zero_out(Addr::new(6), 4, IGNORE), protected);
    assert_eq!(memory.content(), b"\0\0\0\0ab\0\0\0\0\0\0");
}

#[test]
fn what_is_not_there_faults_as_what_it_is() {
    let memory = ModelMemory::new(&Layout::parse("rw- 0-4; rw- 4-8 bus; rw- c-10"));
    assert_eq!(memory.zero_out(Addr::new(1), 9, IGNORE), Err(fault(3, FaultKind::Bus, 4)));
    assert_eq!(memory.zero_out(Addr::new(8), 1, IGNORE), Err(fault(0, FaultKind::Unmapped, 8)));
    let top = Addr::MAX;
    let unmapped = Err(fault(0, FaultKind::Unmapped, u64::MAX));
    assert_eq!(memory.zero_out(top, 2, CHECKED), unmapped);
}

#[test]
fn a_range_beyond_the_last_user_address_fails_as_a_whole() {
    let memory = ModelMemory::of_bytes(&[0; 8]).with_user_end(Addr::new(8));
    assert_eq!(memory.zero_out(Addr::new(4), 4, CHECKED), Ok(4));
    assert_eq!(memory.zero_out(Addr::new(8), 0, CHECKED), Ok(0));
    let out_of_range = |addr| Err(fault(0, FaultKind::OutOfRange, addr));
    assert_eq!(memory.zero_out(Addr::new(4), 5, CHECKED), out_of_range(4));
    assert_eq!(memory.zero_out(Addr::new(9), 0, CHECKED), out_of_range(9));
    assert_eq!(memory.zero_out(Addr::MAX, 1, CHECKED), out_of_range(u64::MAX));
}

#[test]
fn pitfall_30_an_exchange_needs_write_access_even_when_it_stores_nothing() {
    let memory = ModelMemory::new(&Layout::parse("r-- 0-4"));
    let addr = Addr::ZERO.aligned().unwrap();
    let protected = Err(Fault::new(FaultKind::Protection, Addr::ZERO));
    assert_eq!(memory.compare_exchange_u32(addr, 1, 2, CHECKED), protected);
    assert_eq!(memory.swap_u32(addr, 0, CHECKED), protected);
    assert_eq!(memory.load_u32(addr, CHECKED), Ok(0));
    assert_eq!(memory.compare_exchange_u32(addr, 0, 2, IGNORE), Ok(0));
    assert_eq!(memory.content(), [2, 0, 0, 0]);
}

#[test]
fn streams_see_the_prefix_before_the_first_fault() {
    let memory = ModelMemory::new(&Layout::parse("rw- 0-4; r-- 4-8"));
    let ranges = [range(2, 4), range(0, 1), range(3, 6)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut reader = ScriptedReader::new(b"abcdefgh", None);
    let stopped = Err(fault(4, FaultKind::Protection, 4).map_cause(IoCause::Fault));
    assert_eq!(memory.copy_out_from(seq, &mut reader, CHECKED), stopped);
    assert_eq!((memory.content(), reader.calls), (b"c\0ad\0\0\0\0".to_vec(), vec![4]));
    let mut writer = ScriptedWriter::new(100, None);
    assert_eq!(memory.copy_in_to(seq, &mut writer, CHECKED), Ok(6));
    assert_eq!(writer.data, b"adcd\0\0");
    // What a short stream never came to is no fault of its own.
    let mut reader = ScriptedReader::new(b"xy", None);
    assert_eq!(memory.copy_out_from(seq, &mut reader, CHECKED), Ok(2));
    let mut reader = ScriptedReader::new(b"xy", Some(StreamError::Errno(Errno::EIO)));
    let stopped = Err(Partial::new(2, IoCause::Stream(Errno::EIO)));
    assert_eq!(memory.copy_out_from(seq, &mut reader, CHECKED), stopped);
}

#[test]
fn streams_check_every_range_before_anything_moves() {
    let memory = ModelMemory::of_bytes(&[0; 8]).with_user_end(Addr::new(8));
    let out_of_range = |addr| Err(fault(0, FaultKind::OutOfRange, addr).map_cause(IoCause::Fault));
    for (bad, addr) in [(range(6, 9), 6), (range(9, 9), 9)] {
        let ranges = [range(0, 2), bad];
        let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
        let mut reader = ScriptedReader::new(b"abcd", None);
        assert_eq!(memory.copy_out_from(seq, &mut reader, CHECKED), out_of_range(addr));
        assert_eq!((reader.calls, memory.content()), (vec![], vec![0; 8]));
    }
}

/// A reader whose source faults after some bytes.
struct FaultyReader;

impl Reader for FaultyReader {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        assert_eq!(dsts.num_bytes(), 4);
        let fault = HostFault { kind: FaultKind::Bus, addr: 0x1234 };
        Err(Partial::new(3, StreamError::Fault(fault)))
    }
}

#[test]
fn the_fault_of_a_stream_is_where_it_stopped() {
    let memory = ModelMemory::of_bytes(&[0; 8]);
    let ranges = [range(6, 8), range(0, 2)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let stopped = Err(fault(3, FaultKind::Bus, 1).map_cause(IoCause::Fault));
    assert_eq!(memory.copy_out_from(seq, &mut FaultyReader, CHECKED), stopped);
}

#[test]
fn a_word_is_all_or_nothing() {
    let memory = ModelMemory::of_bytes(&[1, 0, 0, 0, 2, 0]);
    let word = |addr| Addr::new(addr).aligned().unwrap();
    assert_eq!(memory.swap_u32(word(0), 7, CHECKED), Ok(1));
    assert_eq!(memory.compare_exchange_u32(word(0), 8, 9, CHECKED), Ok(7));
    assert_eq!(memory.load_u32(word(0), CHECKED), Ok(7));
    let unmapped = Err(fault(0, FaultKind::Unmapped, 6).cause);
    assert_eq!(memory.swap_u32(word(4), 9, CHECKED), unmapped);
    assert_eq!(memory.content(), [7, 0, 0, 0, 2, 0]);
}

#[test]
#[should_panic(expected = "does not continue with huge")]
fn a_layout_that_makes_no_sense_is_refused() {
    let _ = Layout::parse("rw- 1000-2000 huge");
}
