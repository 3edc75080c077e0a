//! Copies between a buffer and several ranges: spec 6.3, pitfalls 1 and 2.

use proptest::prelude::{any, proptest};
use safecopy::{Reader, Writer};
use testkit::strategies::{layouts, ranges};
use testkit::{Call, CallKind, ModelMemory, Op, run};
use usermem_io::{BytesIo, Io, IoCause, IoExt, IoOpts};
use usermem_types::{Addr, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer};

use crate::r;

const CHECKED: IoOpts = IoOpts::CHECKED;

#[test]
fn ranges_behind_the_last_byte_are_not_visited() {
    let memory = ModelMemory::of_bytes(b"abcd");
    let ranges = [r(100, 100), r(0, 2), r(50, 50)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let call = |addr, len| Call { kind: CallKind::CopyIn, addr: Addr::new(addr), len };
    let mut dst = [0; 2];
    assert_eq!(memory.copy_in_vec(seq, &mut dst, CHECKED), Ok(2));
    assert_eq!(memory.take_calls(), [call(100, 0), call(0, 2)]);
    let mut dst = [0; 3];
    assert_eq!(memory.copy_in_vec(seq, &mut dst, CHECKED), Ok(2));
    assert_eq!(memory.take_calls(), [call(100, 0), call(0, 2), call(50, 0)]);
    assert_eq!(memory.copy_in_vec(seq, &mut [], CHECKED), Ok(0));
    assert_eq!(memory.take_calls(), []);
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

/// An address space that answers every scalar transfer with the same count.
struct Stuck(usize);

impl Io for Stuck {
    fn copy_out(&self, _: Addr, _: &[u8], _: IoOpts) -> Transfer {
        Ok(self.0)
    }

    fn copy_in(&self, _: Addr, _: &mut [u8], _: IoOpts) -> Transfer {
        Ok(self.0)
    }

    fn zero_out(&self, _: Addr, _: usize, _: IoOpts) -> Transfer {
        Ok(self.0)
    }

    fn copy_out_from(
        &self,
        _: AddrRangeSeq<'_>,
        _: &mut dyn Reader,
        _: IoOpts,
    ) -> Transfer<IoCause> {
        Ok(self.0)
    }

    fn copy_in_to(&self, _: AddrRangeSeq<'_>, _: &mut dyn Writer, _: IoOpts) -> Transfer<IoCause> {
        Ok(self.0)
    }

    fn swap_u32(&self, _: AlignedAddr<4>, new: u32, _: IoOpts) -> Result<u32, Fault> {
        Ok(new)
    }

    fn compare_exchange_u32(
        &self,
        _: AlignedAddr<4>,
        old: u32,
        _: u32,
        _: IoOpts,
    ) -> Result<u32, Fault> {
        Ok(old)
    }

    fn load_u32(&self, _: AlignedAddr<4>, _: IoOpts) -> Result<u32, Fault> {
        Ok(0)
    }
}

#[test]
fn pitfall_02_no_progress_is_an_error() {
    let ranges = [r(0, 0), r(0, 4), r(8, 12)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let no_progress = |done| Err(Partial::new(done, IoCause::NoProgress));
    // Nothing for ever, more than was asked for, and a little at a time.
    assert_eq!(Stuck(0).copy_in_vec(seq, &mut [0; 8], CHECKED), no_progress(0));
    assert_eq!(Stuck(0).copy_out_vec(seq, &[0; 8], CHECKED), no_progress(0));
    assert_eq!(Stuck(0).zero_out_vec(seq, 8, CHECKED), no_progress(0));
    assert_eq!(Stuck(5).zero_out_vec(seq.tail(), 8, CHECKED), no_progress(0));
    assert_eq!(Stuck(3).zero_out_vec(seq.tail(), 8, CHECKED), no_progress(3));
    assert_eq!(Stuck(2).zero_out_vec(seq.tail(), 8, CHECKED), Ok(8));
}

proptest! {
    /// A copy range by range and a stream over the whole prefix are two ways to say the same.
    #[test]
    fn vectors_move_what_streams_move(
        layout in layouts(64, 4, 6),
        ranges in ranges(64, 20, 6),
        user_end in 32..70u64,
        ignore_permissions in any::<bool>(),
    ) {
        let opts = IoOpts { ignore_permissions };
        // Never too little on the other side.
        let data: Vec<u8> = (1..=200).collect();
        let len = data.len();
        let memory = || ModelMemory::new(&layout).with_user_end(Addr::new(user_end));
        let (by_vector, by_stream) = (memory(), memory());
        let vector = Op::CopyOutVec { ranges: ranges.clone(), data: data.clone() };
        let stream = Op::CopyOutFrom { ranges: ranges.clone(), data, fails: false };
        let moved = |outcome: Option<testkit::Outcome>| outcome.map(|o| (o.done, o.cause, o.data));
        assert_eq!(moved(run(&by_vector, &vector, opts)), moved(run(&by_stream, &stream, opts)));
        assert_eq!(by_vector.content(), by_stream.content());
        let vector = Op::CopyInVec { ranges: ranges.clone(), len };
        let stream = Op::CopyInTo { ranges, room: len, fails: false };
        assert_eq!(moved(run(&by_vector, &vector, opts)), moved(run(&by_stream, &stream, opts)));
    }
}
