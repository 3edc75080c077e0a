//! Address spaces that break their contract: what is built on them has a result all the same.

use safecopy::{Reader, Writer};
use usermem_io::{
    IntStringsCause, Io, IoCause, IoExt, IoOpts, IoReadWriter, StringCause, StringError,
    StructError,
};
use usermem_types::{Addr, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer};

use crate::r;

const CHECKED: IoOpts = IoOpts::CHECKED;

/// An address space that answers every scalar transfer with the same, and leaves `A`s in all of
/// the destination, whatever it answers. Whoever asks what goes ahead is told so many bytes.
struct Stuck(Transfer, usize);

impl Io for Stuck {
    fn copy_out(&self, _: Addr, _: &[u8], _: IoOpts) -> Transfer {
        self.0
    }

    fn copy_in(&self, _: Addr, dst: &mut [u8], _: IoOpts) -> Transfer {
        dst.fill(b'A');
        self.0
    }

    fn zero_out(&self, _: Addr, _: usize, _: IoOpts) -> Transfer {
        self.0
    }

    fn copy_in_ahead(&self, _: AddrRangeSeq<'_>, dst: &mut [u8], _: IoOpts) -> usize {
        let len = dst.len().min(self.1);
        dst[..len].fill(b'a');
        self.1
    }

    fn copy_out_from(
        &self,
        _: AddrRangeSeq<'_>,
        _: &mut dyn Reader,
        _: IoOpts,
    ) -> Transfer<IoCause> {
        unreachable!("nothing here streams")
    }

    fn copy_in_to(&self, _: AddrRangeSeq<'_>, _: &mut dyn Writer, _: IoOpts) -> Transfer<IoCause> {
        unreachable!("nothing here streams")
    }

    fn swap_u32(&self, _: AlignedAddr<4>, _: u32, _: IoOpts) -> Result<u32, Fault> {
        unreachable!("nothing here is a word")
    }

    fn compare_exchange_u32(
        &self,
        _: AlignedAddr<4>,
        _: u32,
        _: u32,
        _: IoOpts,
    ) -> Result<u32, Fault> {
        unreachable!("nothing here is a word")
    }

    fn load_u32(&self, _: AlignedAddr<4>, _: IoOpts) -> Result<u32, Fault> {
        unreachable!("nothing here is a word")
    }
}

const FAULT: Fault = Fault::new(FaultKind::Protection, Addr::new(77));

/// Claims more than it was asked for.
const TOO_MUCH: Stuck = Stuck(Ok(usize::MAX), 0);
/// Fails having moved more than it was asked for.
const TOO_MUCH_AND_FAULT: Stuck = Stuck(Err(Partial::new(usize::MAX, FAULT)), 0);

/// A fault of an address space that stopped without one.
fn bus<C: From<Fault>>(done: usize, addr: u64) -> Partial<C> {
    Partial::new(done, Fault::new(FaultKind::Bus, Addr::new(addr)).into())
}

#[test]
fn pitfall_02_no_progress_is_an_error() {
    let ranges = [r(0, 0), r(0, 4), r(8, 12)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let no_progress = Err(Partial::new(0, IoCause::NoProgress));
    let nothing = Stuck(Ok(0), 0);
    assert_eq!(nothing.copy_in_vec(seq, &mut [0; 8], CHECKED), no_progress);
    assert_eq!(nothing.copy_out_vec(seq, &[0; 8], CHECKED), no_progress);
    assert_eq!(nothing.zero_out_vec(seq, 8, CHECKED), no_progress);
}

#[test]
fn vectors_go_on_after_a_short_count() {
    let ranges = [r(0, 4), r(8, 13)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut dst = [0; 10];
    assert_eq!(Stuck(Ok(2), 0).copy_in_vec(seq, &mut dst, CHECKED), Ok(9));
    assert_eq!(dst, *b"AAAAAAAAA\0");
}

#[test]
fn what_goes_ahead_is_believed_as_far_as_there_is_room() {
    let ranges = [r(0, 0), r(0, 4), r(8, 10), r(12, 15)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut dst = [0; 10];
    // Less than all: then one range, and again if there are others.
    assert_eq!(Stuck(Ok(1), 3).copy_in_vec(seq, &mut dst, CHECKED), Ok(9));
    assert_eq!(dst, *b"aaaAaaaAA\0");
    let mut dst = [0; 10];
    assert_eq!(Stuck(Ok(1), usize::MAX).copy_in_vec(seq, &mut dst, CHECKED), Ok(9));
    assert_eq!(Stuck(Ok(1), usize::MAX).copy_in_vec(seq, &mut dst[..5], CHECKED), Ok(5));
    let fails = Stuck(Err(Partial::new(1, FAULT)), 3);
    let four = Err(Partial::new(4, IoCause::Fault(FAULT)));
    assert_eq!(fails.copy_in_vec(seq, &mut dst, CHECKED), four);
    // One range is not asked about.
    let one = AddrRangeSeq::of(r(0, 4)).unwrap();
    assert_eq!(Stuck(Ok(4), 3).copy_in_vec(one, &mut dst, CHECKED), Ok(4));
    assert_eq!(dst[..4], *b"AAAA");
}

#[test]
fn more_than_was_asked_for_is_what_was_asked_for() {
    let ranges = [r(0, 4), r(8, 12)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    assert_eq!(TOO_MUCH.zero_out_vec(seq, 6, CHECKED), Ok(6));
    let all = Err(Partial::new(4, IoCause::Fault(FAULT)));
    assert_eq!(TOO_MUCH_AND_FAULT.copy_out_vec(seq, &[0; 6], CHECKED), all);

    assert_eq!(TOO_MUCH.copy_in_object(Addr::ZERO, CHECKED), Ok(*b"AAAA"));
    assert_eq!(TOO_MUCH.copy_out_object(Addr::ZERO, &7u32, CHECKED), Ok(4));
    assert_eq!(TOO_MUCH.copy_out_struct(Addr::ZERO, 9, &7u32, CHECKED), Ok(4));
    let all = Err(Partial::new(4, FAULT));
    assert_eq!(TOO_MUCH_AND_FAULT.copy_in_object::<u32>(Addr::ZERO, CHECKED), all);

    let string = StringError { partial: b"AAA".to_vec(), cause: StringCause::TooLong };
    assert_eq!(TOO_MUCH.copy_in_string(Addr::ZERO, 3, CHECKED), Err(string));

    let mut cursor = IoReadWriter::new(&TOO_MUCH, Addr::new(5), CHECKED);
    assert_eq!((cursor.copy_in(&mut [0; 3]), cursor.addr()), (Ok(3), Addr::new(8)));
    // Bytes where there are none: the cursor does not wrap around.
    let mut cursor = IoReadWriter::new(&TOO_MUCH, Addr::new(u64::MAX - 1), CHECKED);
    assert_eq!((cursor.copy_in(&mut [0; 3]), cursor.addr()), (Ok(3), Addr::MAX));
}

#[test]
fn pitfall_05_what_lies_behind_the_count_is_not_looked_at() {
    let fails = Stuck(Err(Partial::new(2, FAULT)), 0);
    let read = fails.copy_in_string(Addr::ZERO, 64, CHECKED);
    let cause = StringCause::Fault(FAULT);
    assert_eq!(read, Err(StringError { partial: b"AA".to_vec(), cause }));
    // The first `A` of what must be zero is too many; none of those behind the count is.
    assert_eq!(fails.copy_in_struct::<u8>(Addr::ZERO, 4, CHECKED), Err(StructError::TooBig));
    let fails = Stuck(Err(Partial::new(0, FAULT)), 0);
    let read = fails.copy_in_struct::<u8>(Addr::ZERO, 4, CHECKED);
    assert_eq!(read, Err(StructError::Fault(FAULT)));
    let seq = AddrRangeSeq::of(r(0, 4)).unwrap();
    let read = fails.copy_in_int32_strings(seq, &mut [0], CHECKED);
    assert_eq!(read, Err(Partial::new(0, IntStringsCause::Io(FAULT.into()))));
}

#[test]
fn less_than_was_asked_for_is_a_fault_where_it_stopped() {
    let short = Stuck(Ok(2), 0);
    let addr = Addr::new(0x1000);
    assert_eq!(short.copy_in_object::<u32>(addr, CHECKED), Err(bus(2, 0x1002)));
    assert_eq!(short.copy_out_object(addr, &7u32, CHECKED), Err(bus(2, 0x1002)));
    assert_eq!(short.copy_in_bytes(addr, 3, CHECKED), Err(bus(2, 0x1002)));
    assert_eq!(short.copy_in_array::<u16>(addr, 2, CHECKED), Err(bus(2, 0x1002)));
    assert_eq!(short.copy_out_struct(addr, 4, &7u32, CHECKED), Err(bus(2, 0x1002)));
    let fault = Fault::new(FaultKind::Bus, Addr::new(0x1002));
    assert_eq!(short.copy_in_struct::<u32>(addr, 4, CHECKED), Err(StructError::Fault(fault)));
    // Never a byte of the buffer that was not read.
    let string = short.copy_in_string(addr, 64, CHECKED);
    let cause = StringCause::Fault(fault);
    assert_eq!(string, Err(StringError { partial: b"AA".to_vec(), cause }));
    let mut dst = [0; 8];
    let string = short.copy_in_string_into(addr, &mut dst, CHECKED);
    assert_eq!((string, &dst[..2]), (Err(Partial::new(2, cause)), &b"AA"[..]));

    let mut cursor = IoReadWriter::new(&short, addr, CHECKED);
    assert_eq!(cursor.copy_out(b"abc"), Err(bus(2, 0x1002)));
    assert_eq!(cursor.zero_out(3), Err(bus(2, 0x1004)));
    assert_eq!(cursor.addr(), Addr::new(0x1004));
}
