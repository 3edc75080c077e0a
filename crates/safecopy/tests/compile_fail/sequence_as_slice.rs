//! Nothing that is made of blocks gives a slice of their memory, either.

use safecopy::{BlockSeqReader, BlockSeqWriter, DstBlock, SrcBlock, SrcBlockSeq};

fn of_block(block: SrcBlock<'_>) -> &[u8] {
    block.as_slice()
}

fn index(block: SrcBlock<'_>) -> u8 {
    block[0]
}

fn dereference(block: DstBlock<'_>) -> u8 {
    *block
}

fn borrow<'a>(block: &'a DstBlock<'a>) -> &'a [u8] {
    block.as_ref()
}

fn of_sequence(blocks: SrcBlockSeq<'_>) -> &[u8] {
    blocks.as_slice()
}

fn of_reader<'a>(reader: &'a BlockSeqReader<'a>) -> &'a [u8] {
    reader.rest()
}

fn of_writer<'a>(writer: &'a BlockSeqWriter<'a>) -> &'a mut [u8] {
    writer.rest()
}

fn main() {}
