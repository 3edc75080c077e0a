//! Copies between a buffer and several ranges.

use proptest::prelude::{any, proptest};
use testkit::strategies::{layouts, ranges};
use testkit::{Call, ModelMemory, Op, Outcome, Recorder, run};
use usermem_io::{BytesIo, IoCause, IoExt, IoOpts};
use usermem_types::{Addr, AddrRangeSeq, Fault, FaultKind, Partial};

use crate::r;

const CHECKED: IoOpts = IoOpts::CHECKED;

#[test]
fn ranges_behind_the_last_byte_are_not_visited() {
    let memory = ModelMemory::of_bytes(b"abcd");
    let io = Recorder::new(&memory);
    let ranges = [r(100, 100), r(0, 2), r(50, 50)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut dst = [0; 2];
    assert_eq!(io.copy_in_vec(seq, &mut dst, CHECKED), Ok(2));
    assert_eq!(io.take_calls(), [Call::copy_in(100, 0), Call::copy_in(0, 2)]);
    let mut dst = [0; 3];
    assert_eq!(io.copy_in_vec(seq, &mut dst, CHECKED), Ok(2));
    assert_eq!(io.take_calls(), [Call::copy_in(100, 0), Call::copy_in(0, 2), Call::copy_in(50, 0)]);
    assert_eq!(io.copy_in_vec(seq, &mut [], CHECKED), Ok(0));
    assert_eq!(io.take_calls(), []);
}

#[test]
fn pitfall_28_an_empty_range_at_a_bad_address_can_fail() {
    let memory = ModelMemory::of_bytes(b"abcd").with_user_end(Addr::new(0x1000));
    let ranges = [r(0, 2), r(0x2000, 0x2000)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let fault = Fault::new(FaultKind::OutOfRange, Addr::new(0x2000));
    let out_of_range = Err(Partial::new(2, IoCause::Fault(fault)));
    assert_eq!(memory.copy_out_vec(seq, b"xyz", CHECKED), out_of_range);
    assert_eq!(memory.zero_out_vec(seq, 3, CHECKED), out_of_range);
    assert_eq!(memory.copy_out_vec(seq, b"xy", CHECKED), Ok(2));
}

#[test]
fn pitfall_01_a_shortened_sequence_comes_to_an_end() {
    let mut buffer = *b"0123456789";
    let io = BytesIo::new(&mut buffer);
    let ranges = [r(0, 1), r(2, 4), r(5, 10)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    for take in 0..9 {
        let taken = seq.take_first(take);
        let expected = Ok(take.min(8) as usize);
        let mut dst = [0; 20];
        assert_eq!(io.copy_in_vec(taken, &mut dst, CHECKED), expected);
        assert_eq!(&dst[..take.min(8) as usize], &b"02356789"[..take.min(8) as usize]);
        assert_eq!(io.copy_out_vec(taken, &dst, CHECKED), expected);
    }
    assert_eq!(io.zero_out_vec(seq.take_first(2), usize::MAX, CHECKED), Ok(2));
    assert_eq!(&buffer, b"\x001\x003456789");
}

proptest! {
    /// A copy range by range and a stream over the whole prefix are two ways to say the same.
    #[test]
    fn vectors_move_what_streams_move(
        layout in layouts(64, 4, 6),
        ranges in ranges(64, 20, 6),
        ignore_permissions in any::<bool>(),
    ) {
        let opts = IoOpts { ignore_permissions };
        // Never too little on the other side.
        let data: Vec<u8> = (1..=200).collect();
        let len = data.len();
        let memory = || ModelMemory::new(&layout);
        let (by_vector, by_stream) = (memory(), memory());
        let vector = Op::CopyOutVec { ranges: ranges.clone(), data: data.clone() };
        let stream = Op::CopyOutFrom { ranges: ranges.clone(), data, fails: false };
        let moved = |outcome: Option<Outcome>| outcome.map(|o| (o.done, o.stop, o.data));
        assert_eq!(moved(run(&by_vector, &vector, opts)), moved(run(&by_stream, &stream, opts)));
        assert_eq!(by_vector.content(), by_stream.content());
        let vector = Op::CopyInVec { ranges: ranges.clone(), len };
        let stream = Op::CopyInTo { ranges, room: len, fails: false };
        assert_eq!(moved(run(&by_vector, &vector, opts)), moved(run(&by_stream, &stream, opts)));
    }
}
