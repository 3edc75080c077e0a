//! Sequences, and copies between them.

use proptest::collection::vec;
use proptest::prelude::{Just, prop_oneof, proptest};
use safecopy::{BlockSeq, SrcBlock, copy_seq, zero_seq};
use testkit::strategies::{SeqOp, seq_ops};
use testkit::stream_strategies::shapes;
use testkit::{ModelBlocks, ModelHost};

use super::{BLOCKS, MAX_LEN, done, model, sources};
use crate::slots::Slots;

proptest! {
    #[test]
    fn sequences(lens in vec(prop_oneof![Just(0), 0..MAX_LEN], 0..12), ops in seq_ops(30, 6)) {
        let bytes = [0; MAX_LEN];
        let blocks: Vec<_> = lens.iter().map(|len| SrcBlock::from_slice(&bytes[..*len])).collect();
        let mut both = (BlockSeq::from_slice(&blocks), model(&blocks));
        both.1.assert_same(both.0);
        for op in ops {
            both = apply(both, op);
            both.1.assert_same(both.0);
        }
    }

    #[test]
    fn copies_and_zeros(
        dst in shapes(MAX_LEN, BLOCKS), dst_ops in seq_ops(30, 2),
        src in shapes(MAX_LEN, BLOCKS), src_ops in seq_ops(30, 2),
    ) {
        let slots = Slots::new(dst.len() + src.len() + 1);
        let mut host = ModelHost::default();
        let dsts = slots.blocks(0, &dst, &mut host);
        let srcs = slots.blocks(dst.len(), &src, &mut host);
        let (mut dsts, mut srcs) = (
            (BlockSeq::from_slice(&dsts), model(&dsts)),
            (BlockSeq::from_slice(&srcs), model(&srcs)),
        );
        for op in dst_ops {
            dsts = apply(dsts, op);
        }
        for op in src_ops {
            srcs = apply(srcs, op);
        }
        let mut own = Vec::new();
        let src_blocks: Vec<_> = srcs.0.iter().collect();
        let result = copy_seq(dsts.0, sources(&src_blocks, &mut own));
        assert_eq!(result, host.copy(&dsts.1, &srcs.1));
        if result.is_ok() {
            slots.assert_same(&host);
        }
        let done = done(result);
        let mut written = ModelHost::default();
        for addr in dsts.1.addrs().take(done) {
            written.insert(addr, &[host.load(addr).unwrap()]);
        }
        slots.assert_same(&written);

        assert_eq!(zero_seq(dsts.0), host.zero(&dsts.1));
        let mut zeroed = ModelHost::default();
        for addr in dsts.1.addrs().map_while(|addr| host.load(addr).is_ok().then_some(addr)) {
            zeroed.insert(addr, &[0]);
        }
        slots.assert_same(&zeroed);
    }
}

/// Works on a sequence and on its model.
fn apply<'a, M>(
    (seq, model): (BlockSeq<'a, M>, ModelBlocks),
    op: SeqOp,
) -> (BlockSeq<'a, M>, ModelBlocks) {
    match op {
        SeqOp::DropFirst(n) => (seq.drop_first(n as usize), model.drop_first(n as usize)),
        SeqOp::TakeFirst(n) => (seq.take_first(n as usize), model.take_first(n as usize)),
        SeqOp::Tail => (seq.tail(), model.tail()),
    }
}
