//! What may only be read is not written: not copied to, not zeroed, not swapped in.

use safecopy::{
    Block, BlockSeq, BlockSeqWriter, Destination, DstBlock, Reader, SrcBlock, SrcBlockSeq,
};

fn copy(source: SrcBlock<'_>) {
    let _ = safecopy::copy(source, SrcBlock::from_slice(b"x"));
}

fn zero(source: SrcBlock<'_>) {
    let _ = safecopy::zero(source);
}

fn swap(source: SrcBlock<'_>) {
    let _ = safecopy::atomic::swap(source, 1_u32);
}

fn store(source: SrcBlock<'_>) {
    let _ = safecopy::atomic::store(source, 1_u32);
}

fn compare_exchange(source: SrcBlock<'_>) {
    let _ = safecopy::atomic::compare_exchange(source, 1_u32, 2);
}

fn copy_sequence(sources: SrcBlockSeq<'_>) {
    let _ = safecopy::copy_seq(sources, sources);
}

fn zero_sequence(sources: SrcBlockSeq<'_>) {
    let _ = safecopy::zero_seq(sources);
}

fn read_into(sources: SrcBlockSeq<'_>, reader: &mut dyn Reader) {
    let _ = reader.read_to_blocks(sources);
}

fn write_to(sources: SrcBlockSeq<'_>) {
    let _ = BlockSeqWriter::new(sources);
}

fn convert(source: SrcBlock<'_>) -> DstBlock<'_> {
    source.into()
}

fn pretend(source: SrcBlock<'_>) -> Block<'_, Destination> {
    Block { ..source }
}

fn borrow(bytes: &[u8]) -> DstBlock<'_> {
    DstBlock::from_slice(bytes)
}

fn mix(source: SrcBlock<'_>, destination: DstBlock<'_>) {
    let _ = BlockSeq::from_slice(&[source, destination]);
}

fn add(source: SrcBlock<'_>) {
    let _ = safecopy::atomic::fetch_add(source, 1_u32);
}

fn main() {}
