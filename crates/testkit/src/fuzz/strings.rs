//! Strings.

use usermem_io::{BytesIo, Io, IoExt, IoOpts, StringCause, StringError};
use usermem_types::Addr;

use super::input::Input;
use crate::Recorder;

/// Where memory begins: a little before the end of a page.
const START: u64 = 0xf80;

/// Reads a string from memory with faults at arbitrary places, and compares it with what a loop
/// over single bytes reads.
///
/// # Panics
/// When they differ, or a byte was fetched twice, or a read crosses the end of a page.
pub fn strings(data: &[u8]) {
    let mut input = Input::new(data);
    let (opts, addr, max_len) = (input.opts(), input.addr(START, START + 0x300), input.len(0x400));
    let memory = input.memory(START, |bytes| bytes);
    check(&memory, addr, max_len, opts);
    check_fetches(&memory, addr, max_len, opts);
    let mut buffer = [vec![b'x'; START as usize], memory.content()].concat();
    check(&BytesIo::new(&mut buffer), addr, max_len, opts);
}

fn check(io: &dyn Io, addr: Addr, max_len: usize, opts: IoOpts) {
    let string = io.copy_in_string(addr, max_len, opts);
    if addr.checked_add(max_len as u64).is_some() {
        assert_eq!(string, byte_by_byte(io, addr, max_len, opts));
    } else {
        // No memory is up there; how much of it a read asks for at once is not promised.
        let error = string.expect_err("there is nothing to read");
        assert!(error.partial.is_empty() && matches!(error.cause, StringCause::Fault(_)));
    }
}

fn byte_by_byte(
    io: &dyn Io,
    addr: Addr,
    max_len: usize,
    opts: IoOpts,
) -> Result<Vec<u8>, StringError> {
    let mut partial = Vec::new();
    while partial.len() < max_len {
        let mut byte = [0];
        match io.copy_in(addr.saturating_add(partial.len() as u64), &mut byte, opts) {
            Ok(_) if byte == [0] => return Ok(partial),
            Ok(_) => partial.push(byte[0]),
            Err(stop) => {
                return Err(StringError { partial, cause: StringCause::Fault(stop.cause) });
            }
        }
    }
    Err(StringError { partial, cause: StringCause::TooLong })
}

/// Checks that each read begins where the one before ended, and that none leaves its page.
fn check_fetches(io: &dyn Io, addr: Addr, max_len: usize, opts: IoOpts) {
    let recorder = Recorder::new(io);
    let _ = recorder.copy_in_string(addr, max_len, opts);
    let mut at = addr.get();
    for call in recorder.take_calls() {
        assert_eq!(call.addr.get(), at);
        let last = at + (call.len as u64 - 1);
        assert_eq!(at >> 12, last >> 12, "{call:?}");
        at = last + 1;
    }
    assert!(at - addr.get() <= max_len as u64);
}
