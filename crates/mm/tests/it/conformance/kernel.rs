//! The kernel's own accesses.

use safecopy::{SliceReader, VecWriter};
use usermem_io::{Io, IoCause, IoOpts};
use usermem_types::{AccessType, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial};

use crate::machine::{Access, Machine};
use crate::rig::{NONE, PAGE, R, RW, Rig, byte, page};

const CHECKED: IoOpts = IoOpts::CHECKED;

/// Copies from so far below a border to so far above stop there, in either direction.
pub(super) fn copies_stop_at_the_first_bad_byte<M: Machine>() {
    let rig = Rig::<M>::new();
    // Read-write, read-only, read-write, nothing, no access.
    rig.map(0, 2, RW);
    rig.map(2, 1, R);
    rig.map(3, 1, RW);
    rig.map(5, 1, NONE);
    let mut bytes = vec![7; 5 * PAGE as usize];
    for below in [1, 8, 100, 4096, 5000] {
        let len = usize::try_from(below).unwrap();
        let stop = |kind, index| Err(Partial::new(len, Fault::new(kind, page(index))));
        let before = |index| page(index).checked_sub(below).unwrap();
        assert_eq!(rig.mm.copy_in(before(2), &mut bytes[..len + 50], CHECKED), Ok(len + 50));
        let write = rig.mm.copy_out(before(2), &bytes[..len + 50], CHECKED);
        assert_eq!(write, stop(FaultKind::Protection, 2));
        let zero = rig.mm.zero_out(before(2), len + 50, CHECKED);
        assert_eq!(zero, stop(FaultKind::Protection, 2));
        let read = rig.mm.copy_in(before(4), &mut bytes[..len + 50], CHECKED);
        assert_eq!(read, stop(FaultKind::Unmapped, 4));
        let forced = rig.mm.copy_out(before(2), &bytes[..len + 50], IoOpts::IGNORE_PERMISSIONS);
        assert_eq!(forced, Ok(len + 50));
    }
    let none = Err(Partial::new(0, Fault::new(FaultKind::Protection, page(5))));
    assert_eq!(rig.mm.copy_in(page(5), &mut bytes, CHECKED), none);
    assert_eq!(rig.mm.copy_in(page(4), &mut [], CHECKED), Ok(0));
}

pub(super) fn words_are_the_programs_own<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, 1, RW);
    rig.map(1, 1, R);
    let word = |index, offset| AlignedAddr::new(byte(index, offset)).unwrap();
    rig.run(Access::StoreWord(byte(0, 8), 0x0000_0002_0000_0001)).unwrap();
    assert_eq!(rig.mm.load_u32(word(0, 8), CHECKED), Ok(1));
    assert_eq!(rig.mm.swap_u32(word(0, 8), 5, CHECKED), Ok(1));
    assert_eq!(rig.mm.compare_exchange_u32(word(0, 12), 9, 6, CHECKED), Ok(2));
    assert_eq!(rig.mm.compare_exchange_u32(word(0, 12), 2, 6, CHECKED), Ok(2));
    assert_eq!(rig.run(Access::LoadWord(byte(0, 8))), Ok(0x0000_0006_0000_0005));
    let fault = |kind, index| Err(Fault::new(kind, page(index)));
    assert_eq!(rig.mm.load_u32(word(1, 0), CHECKED), Ok(0));
    assert_eq!(rig.mm.swap_u32(word(1, 0), 1, CHECKED), fault(FaultKind::Protection, 1));
    let exchanged = rig.mm.compare_exchange_u32(word(1, 0), 7, 1, CHECKED);
    assert_eq!(exchanged, fault(FaultKind::Protection, 1));
    assert_eq!(rig.mm.load_u32(word(2, 0), CHECKED), fault(FaultKind::Unmapped, 2));
}

pub(super) fn protections_bind_the_kernel_too<M: Machine>() {
    let rig = Rig::<M>::new();
    for prot in 0..8 {
        let access = AccessType::from_prot(prot);
        rig.map(0, 1, RW);
        rig.poke(page(0), 1).unwrap();
        rig.protect(0, 1, access);
        let refused = Err(Partial::new(0, Fault::new(FaultKind::Protection, page(0))));
        let read = if access.effective().read() { Ok(1) } else { refused };
        assert_eq!(rig.peek(page(0)), read, "{access}");
        let expected = if access.write() { Ok(()) } else { refused.map(drop) };
        assert_eq!(rig.poke(page(0), 1), expected, "{access}");
        assert_eq!(rig.mm.copy_out(page(0), &[2], IoOpts::IGNORE_PERMISSIONS), Ok(1));
    }
}

pub(super) fn streams_see_what_the_program_sees<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, 2, RW);
    rig.store(byte(0, 4094), 1).unwrap();
    rig.store(byte(0, 4095), 2).unwrap();
    rig.store(page(1), 3).unwrap();
    let range = byte(0, 4094).to_range(3).unwrap();
    let ranges = AddrRangeSeq::of(range).unwrap();
    let mut bytes = Vec::new();
    let mut writer = VecWriter::new(&mut bytes, 10);
    assert_eq!(rig.mm.copy_in_to(ranges, &mut writer, CHECKED), Ok(3));
    assert_eq!(bytes, [1, 2, 3]);
    let mut reader = SliceReader::new(&[4, 5, 6, 7]);
    assert_eq!(rig.mm.copy_out_from(ranges, &mut reader, CHECKED), Ok(3));
    assert_eq!((rig.load(byte(0, 4095)), rig.load(page(1))), (Ok(5), Ok(6)));
    rig.protect(1, 1, R);
    let mut reader = SliceReader::new(&[8; 8]);
    let cause = IoCause::Fault(Fault::new(FaultKind::Protection, page(1)));
    let stopped = rig.mm.copy_out_from(ranges, &mut reader, CHECKED);
    assert_eq!(stopped, Err(Partial::new(2, cause)));
    assert_eq!((rig.load(byte(0, 4095)), rig.load(page(1))), (Ok(8), Ok(6)));
}
