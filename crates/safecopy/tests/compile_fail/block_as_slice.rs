//! Application memory is no slice: the program writes it while we would hold a reference.

use safecopy::{DstBlock, SrcBlock};

fn read<'a>(block: &'a SrcBlock<'a>) -> &'a [u8] {
    block
}

fn write<'a>(block: &'a mut DstBlock<'a>) -> &'a mut [u8] {
    block
}

fn main() {
    let _ = (read, write);
}
