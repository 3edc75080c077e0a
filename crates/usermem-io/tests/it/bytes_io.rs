//! A buffer as an address space.

use testkit::{ScriptedReader, ScriptedWriter};
use usermem_io::{BytesIo, Io, IoCause, IoOpts};
use usermem_types::{Addr, AddrRangeSeq, Fault, FaultKind, Partial};

use crate::r;

const CHECKED: IoOpts = IoOpts::CHECKED;

fn unmapped(done: usize, addr: u64) -> Partial<Fault> {
    Partial::new(done, Fault::new(FaultKind::Unmapped, Addr::new(addr)))
}

#[test]
fn copy_out_stops_at_the_end_of_the_buffer() {
    let mut buffer = *b"ABCDE";
    assert_eq!(BytesIo::new(&mut buffer).copy_out(Addr::new(1), b"foo", CHECKED), Ok(3));
    assert_eq!(&buffer, b"AfooE");

    let mut buffer = *b"ABC";
    let copied = BytesIo::new(&mut buffer).copy_out(Addr::new(1), b"foo", CHECKED);
    assert_eq!(copied, Err(unmapped(2, 3)));
    assert_eq!(&buffer, b"Afo");
}

#[test]
fn copy_in_stops_at_the_end_of_the_buffer() {
    let mut dst = [0; 3];
    let copied = BytesIo::new(&mut b"AfooE".to_owned()).copy_in(Addr::new(1), &mut dst, CHECKED);
    assert_eq!((copied, &dst), (Ok(3), b"foo"));

    let mut dst = [0; 3];
    let copied = BytesIo::new(&mut b"Afo".to_owned()).copy_in(Addr::new(1), &mut dst, CHECKED);
    assert_eq!((copied, &dst), (Err(unmapped(2, 3)), b"fo\0"));
}

#[test]
fn zero_out_stops_at_the_end_of_the_buffer() {
    let mut buffer = *b"ABCD";
    assert_eq!(BytesIo::new(&mut buffer).zero_out(Addr::new(1), 2, CHECKED), Ok(2));
    assert_eq!(&buffer, b"A\0\0D");

    let mut buffer = *b"ABC";
    let zeroed = BytesIo::new(&mut buffer).zero_out(Addr::new(1), 3, CHECKED);
    assert_eq!((zeroed, &buffer), (Err(unmapped(2, 3)), b"A\0\0"));
}

#[test]
fn copy_out_from_fills_the_ranges_in_their_order() {
    let mut buffer = *b"ABCDEFGH";
    let ranges = [r(4, 7), r(1, 4)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut reader = ScriptedReader::new(b"barfoo", None);
    assert_eq!(BytesIo::new(&mut buffer).copy_out_from(seq, &mut reader, CHECKED), Ok(6));
    assert_eq!((&buffer, reader.calls), (b"AfoobarH", vec![6]));

    let mut buffer = *b"ABCDE";
    let ranges = [r(1, 4), r(4, 7)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut reader = ScriptedReader::new(b"foobar", None);
    let copied = BytesIo::new(&mut buffer).copy_out_from(seq, &mut reader, CHECKED);
    assert_eq!(copied, Err(unmapped(4, 5).map_cause(IoCause::Fault)));
    assert_eq!((&buffer, reader.calls), (b"Afoob", vec![4]));
}

#[test]
fn copy_in_to_drains_the_ranges_in_their_order() {
    let mut buffer = *b"AfoobarH";
    let ranges = [r(4, 7), r(1, 4)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut writer = ScriptedWriter::new(100, None);
    assert_eq!(BytesIo::new(&mut buffer).copy_in_to(seq, &mut writer, CHECKED), Ok(6));
    assert_eq!((writer.data, writer.calls), (b"barfoo".to_vec(), vec![6]));

    let mut buffer = *b"Afoob";
    let ranges = [r(1, 4), r(4, 7)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut writer = ScriptedWriter::new(100, None);
    let copied = BytesIo::new(&mut buffer).copy_in_to(seq, &mut writer, CHECKED);
    assert_eq!(copied, Err(unmapped(4, 5).map_cause(IoCause::Fault)));
    assert_eq!((writer.data, writer.calls), (b"foob".to_vec(), vec![4]));
}

#[test]
fn pitfall_17_a_short_read_leaves_no_hole() {
    let mut buffer = *b"ABCDEF";
    let ranges = [r(0, 2), r(4, 6)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut reader = ScriptedReader::new(b"x", None);
    assert_eq!(BytesIo::new(&mut buffer).copy_out_from(seq, &mut reader, CHECKED), Ok(1));
    assert_eq!((&buffer, reader.calls), (b"xBCDEF", vec![4]));
}

#[test]
fn pitfall_21_a_swap_returns_what_was_there() {
    let mut word = [5u32];
    let io = BytesIo::new(zerocopy::IntoBytes::as_mut_bytes(&mut word));
    let addr = Addr::ZERO.aligned().unwrap();
    assert_eq!(io.swap_u32(addr, 6, CHECKED), Ok(5));
    assert_eq!(io.compare_exchange_u32(addr, 5, 7, CHECKED), Ok(6));
    assert_eq!(io.load_u32(addr, CHECKED), Ok(6));
    assert_eq!(io.compare_exchange_u32(addr, 6, 7, CHECKED), Ok(6));
    assert_eq!(word, [7]);
}

#[test]
fn nothing_is_fine_anywhere() {
    let mut buffer = *b"ABC";
    let io = BytesIo::new(&mut buffer);
    for addr in [Addr::ZERO, Addr::new(3), Addr::new(4), Addr::MAX] {
        assert_eq!(io.copy_out(addr, &[], CHECKED), Ok(0));
        assert_eq!(io.copy_in(addr, &mut [], CHECKED), Ok(0));
        assert_eq!(io.zero_out(addr, 0, CHECKED), Ok(0));
    }
}

#[test]
fn pitfall_04_words_are_aligned_in_host_memory() {
    let mut buffer = [0u8; 32];
    let misalignment = buffer.as_ptr().addr() % 4;
    let base = (4 - misalignment) % 4;
    for odd in 0..4 {
        let io = BytesIo::new(&mut buffer[base + odd..]);
        for at in [0u64, 4, 8] {
            let addr = Addr::new(at).aligned().unwrap();
            let swapped = io.swap_u32(addr, 7, CHECKED);
            let exchanged = io.compare_exchange_u32(addr, 7, 9, CHECKED);
            let loaded = io.load_u32(addr, CHECKED);
            if odd == 0 {
                assert_eq!((swapped, exchanged, loaded), (Ok(0), Ok(7), Ok(9)));
            } else {
                let misaligned = Err(Fault::new(FaultKind::Misaligned, Addr::new(at)));
                assert_eq!((swapped, exchanged, loaded), (misaligned, misaligned, misaligned));
            }
        }
    }
}

#[test]
fn a_word_is_all_or_nothing() {
    let mut buffer = [0u32; 2];
    let io = BytesIo::new(&mut zerocopy::IntoBytes::as_mut_bytes(&mut buffer)[..6]);
    let addr = Addr::new(4).aligned().unwrap();
    let fault = Err(Fault::new(FaultKind::Unmapped, Addr::new(6)));
    assert_eq!(io.swap_u32(addr, u32::MAX, CHECKED), fault);
    assert_eq!(buffer, [0, 0]);
}
