//! Application memory changes at any time, so nothing may borrow it.

use usermem_io::IoSequence;

fn bytes<'a>(seq: IoSequence<'a>) -> &'a [u8] {
    seq.as_ref()
}

fn slice<'a>(seq: IoSequence<'a>) -> &'a [u8] {
    &seq
}

fn main() {}
