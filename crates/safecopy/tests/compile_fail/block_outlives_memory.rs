//! No block, and nothing made of one, outlives the memory that it names, or shares it with its owner.

use safecopy::{BlockSeq, BlockSeqWriter, DstBlock, SliceReader, SrcBlock, SrcBlockSeq, VecWriter};

fn local_source() -> SrcBlock<'static> {
    let bytes = [1, 2, 3];
    SrcBlock::from_slice(&bytes)
}

fn longer<'a>(bytes: &'a mut [u8]) -> DstBlock<'static> {
    DstBlock::from_slice(bytes)
}

fn as_source<'a>(block: DstBlock<'a>) -> SrcBlock<'static> {
    block.as_source()
}

fn local_sequence(block: SrcBlock<'static>) -> SrcBlockSeq<'static> {
    let blocks = [block, block];
    BlockSeq::from_slice(&blocks)
}

fn local_writer<'a>(block: DstBlock<'a>) -> BlockSeqWriter<'a> {
    let blocks = [block];
    BlockSeqWriter::new(BlockSeq::from_slice(&blocks))
}

fn freed() {
    let bytes = vec![1, 2, 3];
    let reader = SliceReader::new(&bytes);
    drop(bytes);
    let _ = reader.rest();
}

fn shared() {
    let mut bytes = [1, 2, 3];
    let block = DstBlock::from_slice(&mut bytes);
    bytes[0] = 2;
    let _ = safecopy::zero(block);
}

fn grown() {
    let mut bytes = Vec::new();
    let mut writer = VecWriter::new(&mut bytes, 10);
    bytes.push(1);
    let _ = safecopy::Writer::write_from_blocks(&mut writer, BlockSeq::default());
}

fn main() {}
