//! Values of a fixed size: spec 15.3, pitfalls 5 and 19.

use testkit::{Call, CallKind, Layout, ModelMemory};
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
    let memory = ModelMemory::new(&Layout::default());
    assert_eq!(memory.copy_in_object::<[u32; 0]>(Addr::MAX, CHECKED), Ok([]));
    assert_eq!(memory.take_calls(), []);
}

#[test]
fn values_are_fetched_in_one_transfer() {
    let memory = ModelMemory::new(&Layout::parse("rw- 0-1000"));
    let addr = Addr::new(8);
    memory.fill(addr, RECORD.as_bytes());
    assert_eq!(memory.copy_in_object(addr, CHECKED), Ok(RECORD));
    assert_eq!(memory.take_calls(), [Call { kind: CallKind::CopyIn, addr, len: 16 }]);
    let read: Vec<Record> = memory.copy_in_array(addr, 3, CHECKED).unwrap();
    assert_eq!(memory.take_calls(), [Call { kind: CallKind::CopyIn, addr, len: 48 }]);
    assert_eq!((read[0], read[1].a), (RECORD, 0));
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
    assert_eq!(read(0x1ff8, 16), Err(StructError::Fault(unmapped(8, 0x2000))));
}
