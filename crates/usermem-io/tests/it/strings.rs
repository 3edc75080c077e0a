//! Strings, in both ways to read them.

use proptest::collection::vec;
use proptest::prelude::proptest;
use testkit::{Area, Call, Layout, ModelMemory, Recorder};
use usermem_io::{BytesIo, Io, IoExt, IoOpts, StringCause, StringError};
use usermem_types::{AccessType, Addr, Fault, FaultKind};

use crate::r;

/// Reads a string at the start of a buffer.
fn read(content: &[u8], max_len: usize) -> Result<Vec<u8>, StringError> {
    let mut content = content.to_vec();
    read_from(&BytesIo::new(&mut content), Addr::ZERO, max_len)
}

/// Reads a string in both ways, which must agree in everything: what they answer, and what they
/// ask for.
#[track_caller]
fn read_from(io: &dyn Io, addr: Addr, max_len: usize) -> Result<Vec<u8>, StringError> {
    let owned_io = Recorder::new(io);
    let owned = owned_io.copy_in_string(addr, max_len, IoOpts::CHECKED);
    let into_io = Recorder::new(io);
    let mut buffer = vec![b'?'; max_len];
    let into = into_io.copy_in_string_into(addr, &mut buffer, IoOpts::CHECKED);
    let into = into
        .map(|len| buffer[..len].to_vec())
        .map_err(|p| StringError { partial: buffer[..p.done].to_vec(), cause: p.cause });
    assert_eq!(owned, into);
    assert_eq!(owned_io.take_calls(), into_io.take_calls());
    owned
}

fn fault(partial: &[u8], kind: FaultKind, addr: u64) -> Result<Vec<u8>, StringError> {
    let cause = StringCause::Fault(Fault::new(kind, Addr::new(addr)));
    Err(StringError { partial: partial.to_vec(), cause })
}

fn too_long(partial: &[u8]) -> Result<Vec<u8>, StringError> {
    Err(StringError { partial: partial.to_vec(), cause: StringCause::TooLong })
}

#[test]
fn strings_of_any_length_are_read() {
    for (len_a, len_b, max_len) in [(62, 0, 128), (48, 48, 128), (192, 192, 512), (0, 0, 1)] {
        let string = [vec![b'A'; len_a], vec![b'B'; len_b]].concat();
        assert_eq!(read(&[&string[..], b"\0"].concat(), max_len), Ok(string));
    }
}

#[test]
fn a_string_without_terminator_faults_at_the_end() {
    assert_eq!(read(&[b'A'; 63], 128), fault(&[b'A'; 63], FaultKind::Unmapped, 63));
    assert_eq!(read(b"", 1), fault(b"", FaultKind::Unmapped, 0));
}

#[test]
fn the_terminator_counts_towards_the_longest_string() {
    assert_eq!(read(&[b'A'; 10], 5), too_long(b"AAAAA"));
    assert_eq!(read(b"abc\0", 4), Ok(b"abc".to_vec()));
    assert_eq!(read(b"abc\0", 3), too_long(b"abc"));
    assert_eq!(read(&[b'A'; 300], 257), too_long(&[b'A'; 257]));
    assert_eq!(read(&[b'A'; 300], 300), too_long(&[b'A'; 300]));
    assert_eq!(read(b"", 0), too_long(b""));
}

#[test]
fn a_terminator_before_a_fault_is_a_success() {
    // The one read of all four bytes is partial.
    assert_eq!(read(b"abc\0", 64), Ok(b"abc".to_vec()));
    assert_eq!(read(b"\0", 64), Ok(vec![]));
    assert_eq!(read(b"\0", 1), Ok(vec![]));
    // Nor does what lies between the NUL and the fault matter.
    assert_eq!(read(b"abc\0def", 64), Ok(b"abc".to_vec()));
}

#[test]
fn a_string_is_allocated_as_it_arrives() {
    let long = read(&[b'A'; 100], 1 << 14).unwrap_err().partial;
    assert!(long.capacity() <= 256, "{}", long.capacity());
    let mut content = [&[b'A'; 1000][..], b"\0"].concat();
    let io = BytesIo::new(&mut content);
    let string = io.copy_in_string(Addr::ZERO, usize::MAX, IoOpts::CHECKED).unwrap();
    assert!(string.len() == 1000 && string.capacity() <= 2048, "{}", string.capacity());
}

/// Reads from two pages of `A` followed by NULs, and returns the lengths of the reads.
fn trace(addr: u64, max_len: usize) -> Vec<usize> {
    let memory = ModelMemory::new(&Layout::parse("r-- 1000-4000"));
    memory.fill(Addr::new(0x1000), &[b'A'; 0x1800]);
    let io = Recorder::new(&memory);
    let _ = io.copy_in_string(Addr::new(addr), max_len, IoOpts::CHECKED);
    let mut at = addr;
    let calls = io.take_calls();
    for call in &calls {
        assert_eq!(*call, Call::copy_in(at, call.len));
        at += call.len as u64;
    }
    calls.iter().map(|call| call.len).collect()
}

#[test]
fn reads_end_at_page_boundaries() {
    assert_eq!(trace(0x2000 - 20, 150), [20, 64, 64, 2]);
    assert_eq!(trace(0x2000 - 64, 150), [64, 64, 22]);
    assert_eq!(trace(0x2000 - 1, 66), [1, 64, 1]);
    assert_eq!(trace(0x2000 - 65, 130), [64, 1, 64, 1]);
    assert!(trace(0x1000, 0).is_empty());
    assert_eq!(trace(0x1000, 1), [1]);
}

#[test]
fn pitfall_20_every_byte_of_a_string_is_fetched_once() {
    // `trace` checks that each read begins where the one before ended.
    assert_eq!(trace(0x1000, 4096).iter().sum::<usize>(), 4096);
}

#[test]
fn nothing_is_read_beyond_the_highest_address() {
    let top = Area {
        range: r(u64::MAX - 10, u64::MAX),
        access: AccessType::READ,
        max_access: AccessType::ALL,
        fault: None,
    };
    let memory = ModelMemory::new(&Layout::new(vec![top]));
    let addr = Addr::new(u64::MAX - 10);
    memory.fill(addr, &[b'A'; 10]);
    let io = Recorder::new(&memory);
    let overflow = fault(b"", FaultKind::OutOfRange, u64::MAX - 10);
    assert_eq!(read_from(&io, addr, 100), overflow);
    assert_eq!(io.take_calls(), []);
    assert_eq!(read_from(&io, addr, 5), too_long(b"AAAAA"));
    assert_eq!(io.take_calls(), [Call::copy_in(u64::MAX - 10, 5); 2]);
    // Up to the last piece that has an end.
    let addr = Addr::new(u64::MAX - 0x1000 + 1);
    assert_eq!(read_from(&io, addr, 10), fault(b"", FaultKind::Unmapped, addr.get()));
}

#[test]
fn a_string_may_end_right_before_memory_that_is_not_there() {
    let memory = ModelMemory::new(&Layout::parse("r-- 1000-2000; --- 2000-3000"));
    memory.fill(Addr::new(0x1ffc), b"abc\0");
    let addr = Addr::new(0x1ffc);
    assert_eq!(read_from(&memory, addr, 4096), Ok(b"abc".to_vec()));
    memory.fill(Addr::new(0x1fff), b"d");
    assert_eq!(read_from(&memory, addr, 4096), fault(b"abcd", FaultKind::Protection, 0x2000));
    let read = memory.copy_in_string(addr, 4096, IoOpts::IGNORE_PERMISSIONS);
    assert_eq!(read, Ok(b"abcd".to_vec()));
}

proptest! {
    #[test]
    fn agrees_with_a_search_for_the_terminator(
        content in vec(0u8..40, 0..200),
        max_len in 0usize..220,
    ) {
        let within = &content[..content.len().min(max_len)];
        let expected = match within.iter().position(|byte| *byte == 0) {
            Some(nul) => Ok(content[..nul].to_vec()),
            None if max_len <= content.len() => too_long(within),
            None => fault(&content, FaultKind::Unmapped, content.len() as u64),
        };
        assert_eq!(read(&content, max_len), expected);
    }
}
