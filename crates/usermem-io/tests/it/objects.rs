//! Values of a fixed size, and structures that grew.

use testkit::{Call, Layout, ModelMemory, Recorder};
use usermem_io::{BytesIo, IoExt, IoOpts, StructError};
use usermem_types::{Addr, Fault, FaultKind, Partial};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const CHECKED: IoOpts = IoOpts::CHECKED;

#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Record {
    a: u64,
    b: u32,
    c: i16,
    d: [u8; 2],
}

const RECORD: Record = Record { a: u64::MAX - 1, b: 2, c: -3, d: [4, 5] };

fn unmapped(done: usize, addr: u64) -> Partial<Fault> {
    Partial::new(done, Fault::new(FaultKind::Unmapped, Addr::new(addr)))
}

#[test]
fn a_value_survives_the_round_trip() {
    let mut buffer = [0; 20];
    let io = BytesIo::new(&mut buffer);
    assert_eq!(io.copy_out_object(Addr::new(3), &RECORD, CHECKED), Ok(16));
    assert_eq!(io.copy_in_object(Addr::new(3), CHECKED), Ok(RECORD));
    assert_eq!(buffer[3..11], (u64::MAX - 1).to_le_bytes());
}

#[test]
fn pitfall_05_a_value_is_all_or_nothing_and_the_count_is_true() {
    let mut buffer = [1; 20];
    let io = BytesIo::new(&mut buffer);
    let read: Result<Record, _> = io.copy_in_object(Addr::new(9), CHECKED);
    assert_eq!(read, Err(unmapped(11, 20)));
    let read: Result<Vec<Record>, _> = io.copy_in_array(Addr::new(1), 2, CHECKED);
    assert_eq!(read, Err(unmapped(19, 20)));
    // Writing stores what fits.
    assert_eq!(io.copy_out_object(Addr::new(18), &RECORD, CHECKED), Err(unmapped(2, 20)));
    assert_eq!(buffer[17..], [1, 0xfe, 0xff]);
}

#[test]
fn a_value_without_bytes_touches_nothing() {
    let memory = ModelMemory::default().with_user_end(Addr::new(0x1000));
    let io = Recorder::new(&memory);
    for addr in [Addr::ZERO, Addr::new(1 << 63), Addr::MAX] {
        assert_eq!(io.copy_in_object::<[u32; 0]>(addr, CHECKED), Ok([]));
        assert_eq!(io.copy_out_object(addr, &[0u32; 0], CHECKED), Ok(0));
        assert_eq!(io.copy_in_array::<u32>(addr, 0, CHECKED), Ok(vec![]));
        assert_eq!(io.copy_in_bytes(addr, 0, CHECKED), Ok(vec![]));
        assert_eq!(io.copy_in_struct::<u32>(addr, 0, CHECKED), Ok(0));
        assert_eq!(io.copy_out_struct(addr, 0, &7u32, CHECKED), Ok(0));
    }
    assert_eq!(io.take_calls(), []);
}

#[test]
fn values_are_fetched_in_one_transfer() {
    let memory = ModelMemory::new(&Layout::parse("rw- 0-1000"));
    let addr = Addr::new(8);
    memory.fill(addr, RECORD.as_bytes());
    let io = Recorder::new(&memory);
    assert_eq!(io.copy_in_object(addr, CHECKED), Ok(RECORD));
    assert_eq!(io.take_calls(), [Call::copy_in(8, 16)]);
    let read: Vec<Record> = io.copy_in_array(addr, 3, CHECKED).unwrap();
    assert_eq!(io.take_calls(), [Call::copy_in(8, 48)]);
    assert_eq!((read[0], read[1].a), (RECORD, 0));
    assert_eq!(io.copy_in_bytes(addr, 5, CHECKED), Ok(RECORD.as_bytes()[..5].to_vec()));
    assert_eq!(io.take_calls(), [Call::copy_in(8, 5)]);
    assert_eq!(io.copy_out_object(addr, &[RECORD, RECORD][..], CHECKED), Ok(32));
    assert_eq!(io.take_calls(), [Call::copy_out(8, 32)]);
}

#[test]
fn slices_go_out_like_values() {
    let mut buffer = [0; 8];
    let io = BytesIo::new(&mut buffer);
    assert_eq!(io.copy_out_object(Addr::ZERO, &[1u16, 2, 3][..], CHECKED), Ok(6));
    assert_eq!(io.copy_in_array(Addr::ZERO, 3, CHECKED), Ok(vec![1u16, 2, 3]));
    assert_eq!(io.copy_in_bytes(Addr::new(1), 4, CHECKED), Ok(vec![0, 2, 0, 3]));
}

#[test]
fn pitfall_23_an_absurd_count_is_an_error() {
    let io = &mut [0; 8];
    let io = BytesIo::new(io);
    let no_memory = Err(Partial::new(0, Fault::new(FaultKind::NoMemory, Addr::ZERO)));
    assert_eq!(io.copy_in_array::<u64>(Addr::ZERO, usize::MAX, CHECKED), no_memory);
    let no_memory = Err(Partial::new(0, Fault::new(FaultKind::NoMemory, Addr::ZERO)));
    assert_eq!(io.copy_in_bytes(Addr::ZERO, usize::MAX, CHECKED), no_memory);
}

#[test]
fn structures_grow_at_their_end() {
    let memory = ModelMemory::new(&Layout::parse("rw- 0-2000"));
    memory.fill(Addr::ZERO, &[[0xff; 16], [0; 16]].concat());
    let read = |addr, len| memory.copy_in_struct::<[u64; 2]>(Addr::new(addr), len, CHECKED);
    // Shorter than ours: what is missing is zero.
    assert_eq!(read(0, 0), Ok([0, 0]));
    assert_eq!(read(0, 8), Ok([u64::MAX, 0]));
    assert_eq!(read(0, 12), Ok([u64::MAX, 0xffff_ffff]));
    assert_eq!(read(0, 16), Ok([u64::MAX, u64::MAX]));
    // Longer than ours: what is beyond must be zero.
    assert_eq!(read(0, 32), Ok([u64::MAX, u64::MAX]));
    assert_eq!(read(0, 4096), Ok([u64::MAX, u64::MAX]));
    assert_eq!(read(0, 4097), Err(StructError::TooBig), "more than a page, though it is zero");
    memory.fill(Addr::new(31), &[1]);
    assert_eq!(read(0, 32), Err(StructError::TooBig));
    assert_eq!(read(0, 31), Ok([u64::MAX, u64::MAX]));
    let fault = |kind, addr| Err(StructError::Fault(Fault::new(kind, Addr::new(addr))));
    assert_eq!(read(0x1ff8, 16), fault(FaultKind::Unmapped, 0x2000));
    assert_eq!(read(0x1ff0, 17), fault(FaultKind::Unmapped, 0x2000), "behind ours");
    assert_eq!(read(u64::MAX - 8, 17), fault(FaultKind::OutOfRange, u64::MAX - 8));
}

#[test]
fn what_a_structure_must_not_hold_is_looked_at_first() {
    let memory = ModelMemory::new(&Layout::parse("--- 0-1000; rw- 1000-2000"));
    let io = Recorder::new(&memory);
    let read = |addr, len| io.copy_in_struct::<u64>(Addr::new(addr), len, CHECKED);
    let protection = Fault::new(FaultKind::Protection, Addr::new(0xff8));
    assert_eq!(read(0xff8, 9), Err(StructError::Fault(protection)));
    assert_eq!(io.take_calls(), [Call::copy_in(0x1000, 1), Call::copy_in(0xff8, 8)]);
    memory.fill(Addr::new(0x1000), &[1]);
    assert_eq!(read(0xff8, 9), Err(StructError::TooBig));
    assert_eq!(io.take_calls(), [Call::copy_in(0x1000, 1)]);
    // What is not zero before a fault decides, and what is comes to the fault.
    memory.fill(Addr::new(0x1fff), &[1]);
    assert_eq!(read(0x1ff7, 16), Err(StructError::TooBig));
    memory.fill(Addr::new(0x1fff), &[0]);
    let unmapped = Fault::new(FaultKind::Unmapped, Addr::new(0x2000));
    assert_eq!(read(0x1ff7, 16), Err(StructError::Fault(unmapped)));
}

#[test]
fn a_structure_is_cut_or_followed_by_zeros() {
    let memory = ModelMemory::new(&Layout::parse("rw- 0-10; r-- 10-20"));
    let io = Recorder::new(&memory);
    let write = |addr, len| {
        memory.fill(Addr::ZERO, &[0xff; 16]);
        let written = io.copy_out_struct(Addr::new(addr), len, &[1u8, 2, 3, 4], CHECKED);
        (written, memory.content()[..16].to_vec())
    };
    let content = |at: usize, bytes: &[u8]| {
        let mut content = vec![0xff; 16];
        content[at..at + bytes.len()].copy_from_slice(bytes);
        content
    };
    assert_eq!(write(4, 0), (Ok(0), content(0, b"")));
    assert_eq!(write(4, 3), (Ok(3), content(4, &[1, 2, 3])));
    assert_eq!(write(4, 4), (Ok(4), content(4, &[1, 2, 3, 4])));
    let _ = io.take_calls();
    assert_eq!(write(4, 7), (Ok(4), content(4, &[1, 2, 3, 4, 0, 0, 0])));
    assert_eq!(io.take_calls(), [Call::zero_out(8, 3), Call::copy_out(4, 4)]);
    let protection = |done| {
        let fault = Fault::new(FaultKind::Protection, Addr::new(16));
        Err(Partial::new(done, fault))
    };
    assert_eq!(write(14, 4), (protection(2), content(14, &[1, 2])));
    assert_eq!(write(10, 7), (protection(0), content(14, &[0, 0])), "zeros come first");
    let overflow = Fault::new(FaultKind::OutOfRange, Addr::MAX);
    assert_eq!(write(u64::MAX, 5).0, Err(Partial::new(0, overflow)));
}

#[test]
fn a_value_of_any_width_is_the_bytes_that_are_there() {
    let mut buffer = *b"\x01\x02\x03\x04\x05\x06\x07\x08\x09";
    let io = BytesIo::new(&mut buffer);
    // No alignment is asked for.
    let addr = Addr::new(1);
    assert_eq!(io.copy_in_object::<u8>(addr, CHECKED), Ok(2));
    assert_eq!(io.copy_in_object::<u16>(addr, CHECKED), Ok(0x0302));
    assert_eq!(io.copy_in_object::<u32>(addr, CHECKED), Ok(0x0504_0302));
    assert_eq!(io.copy_in_object::<u64>(addr, CHECKED), Ok(0x0908_0706_0504_0302));
}
