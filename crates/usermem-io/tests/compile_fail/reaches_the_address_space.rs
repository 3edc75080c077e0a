//! Who is given a sequence is not given the address space.

use usermem_io::{Io, IoSequence};

fn address_space(seq: IoSequence<'static>) -> &'static dyn Io {
    seq.io
}

fn main() {}
