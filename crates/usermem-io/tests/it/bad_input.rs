//! Addresses and lengths that a program makes up.

use testkit::ModelMemory;
use usermem_io::{BytesIo, Io, IoCause, IoExt, IoOpts, StringCause, StructError};
use usermem_types::{Addr, AddrRangeSeq, Fault, FaultKind, Partial};

use crate::host_memory::{HostMemory, PAGE, Page};

const CHECKED: IoOpts = IoOpts::CHECKED;

/// Nothing is at any of them.
const ADDRS: [u64; 10] = [
    PAGE as u64,
    0x7fff_ffff_e000,
    // The first that x86-64 cannot name, and the kernel's.
    0x8000_0000_0000,
    0xffff_7fff_ffff_fffc,
    0xffff_8000_0000_0000,
    // Tagged, as aarch64 has it.
    0x5500_0000_0000_1000,
    1 << 63,
    u64::MAX - PAGE as u64 + 1,
    u64::MAX - 7,
    u64::MAX - 3,
];

const LENS: [usize; 5] = [1, 8, PAGE, isize::MAX as usize, usize::MAX];

/// Runs `f` on an address space of each kind whose first page is there and nothing else.
fn on_each(f: impl Fn(&dyn Io)) {
    f(&BytesIo::new(&mut [b'x'; PAGE]));
    f(&ModelMemory::of_bytes(&[b'x'; PAGE]));
    f(&HostMemory::new(&[Page::ReadWrite], &[b'x'; PAGE]));
}

fn unmapped(done: usize, addr: u64) -> Partial<Fault> {
    Partial::new(done, Fault::new(FaultKind::Unmapped, Addr::new(addr)))
}

#[test]
fn pitfall_03_an_address_of_any_kind_is_a_fault_at_that_address() {
    on_each(|io| {
        for at in ADDRS {
            let addr = Addr::new(at);
            let nothing = Err(unmapped(0, at));
            let mut dst = [0; 8];
            assert_eq!(io.copy_in(addr, &mut dst, CHECKED), nothing);
            assert_eq!(io.copy_out(addr, &dst, CHECKED), nothing);
            for len in LENS {
                assert_eq!(io.zero_out(addr, len, CHECKED), nothing);
            }
            assert_eq!(io.copy_in_object::<u64>(addr, CHECKED), Err(unmapped(0, at)));
            assert_eq!(io.copy_in_bytes(addr, 9, CHECKED), Err(unmapped(0, at)));
            assert_eq!(io.copy_out_object(addr, &7u64, CHECKED), nothing);
            let fault = unmapped(0, at).cause;
            assert_eq!(io.copy_in_struct::<u32>(addr, 4, CHECKED), Err(StructError::Fault(fault)));
            assert_eq!(io.copy_out_struct(addr, 4, &7u32, CHECKED), nothing);
            let word = addr.aligned().unwrap();
            assert_eq!(io.swap_u32(word, 1, CHECKED), Err(fault));
            assert_eq!(io.compare_exchange_u32(word, 0, 1, CHECKED), Err(fault));
            assert_eq!(io.load_u32(word, CHECKED), Err(fault));
            let string = io.copy_in_string_into(addr, &mut dst[..3], CHECKED);
            assert_eq!(string, Err(Partial::new(0, StringCause::Fault(fault))));
            let string = io.copy_in_string(addr, 3, CHECKED).unwrap_err();
            assert_eq!((string.partial, string.cause), (vec![], StringCause::Fault(fault)));
        }
    });
}

#[test]
fn ranges_of_any_kind_are_faults() {
    on_each(|io| {
        for at in ADDRS {
            let range = Addr::new(at).to_range(3).unwrap();
            let seq = AddrRangeSeq::of(range).unwrap();
            let nothing = Err(unmapped(0, at).map_cause(IoCause::Fault));
            assert_eq!(io.copy_in_vec(seq, &mut [0; 9], CHECKED), nothing);
            assert_eq!(io.copy_out_vec(seq, &[0; 9], CHECKED), nothing);
            assert_eq!(io.zero_out_vec(seq, usize::MAX, CHECKED), nothing);
        }
        // As long as a sequence can be, and more than there is.
        let all = AddrRangeSeq::of(Addr::ZERO.to_range(i64::MAX as u64).unwrap()).unwrap();
        let rest = Err(unmapped(PAGE, PAGE as u64).map_cause(IoCause::Fault));
        assert_eq!(io.zero_out_vec(all, usize::MAX, CHECKED), rest);
        assert_eq!(io.zero_out(Addr::ZERO, usize::MAX, CHECKED), Err(unmapped(PAGE, PAGE as u64)));
    });
}

#[test]
fn null_is_an_address_like_others() {
    // A buffer begins there, and a program's memory does not.
    let memory = ModelMemory::default();
    assert_eq!(memory.copy_in(Addr::ZERO, &mut [0], CHECKED), Err(unmapped(0, 0)));
    assert_eq!(BytesIo::new(&mut [7]).copy_in_object(Addr::ZERO, CHECKED), Ok(7u8));
}

#[test]
fn an_empty_buffer_has_nothing() {
    let io = BytesIo::new(&mut []);
    assert!(io.is_empty());
    assert_eq!(io.copy_in(Addr::ZERO, &mut [0], CHECKED), Err(unmapped(0, 0)));
    assert_eq!(io.zero_out(Addr::ZERO, 0, CHECKED), Ok(0));
}
