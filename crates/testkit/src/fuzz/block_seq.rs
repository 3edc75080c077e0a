//! Sequences of blocks.

use safecopy::{Block, BlockSeq, DstBlock, SrcBlock, copy_seq, zero_seq};

use super::input::Input;

/// What surrounds and fills the destination before anything is copied.
const CANARY: u8 = 0xee;

/// Works on two [`BlockSeq`]s and on lists of their bytes, compares them after every step, then
/// copies or zeroes and looks at every byte of the destination.
///
/// # Panics
/// When they differ.
pub fn block_seq(data: &[u8]) {
    let mut input = Input::new(data);
    let lens: Vec<usize> = input.bytes(24).into_iter().map(|len| usize::from(len % 40)).collect();
    let (src_lens, dst_lens) = lens.split_at(lens.len() / 2);
    let source: Vec<u8> = (0..=199).cycle().take(src_lens.iter().sum()).collect();
    let mut target = vec![CANARY; dst_lens.iter().sum::<usize>() + 16];
    let base = target.as_ptr().addr();
    let mut expected = target.clone();

    let fits = "the lengths add up";
    let (mut src_rest, mut dst_rest) = (&source[..], &mut target[8..]);
    let src_block = |len: &usize| SrcBlock::from_slice(src_rest.split_off(..*len).expect(fits));
    let dst_block = |len: &usize| DstBlock::from_slice(dst_rest.split_off_mut(..*len).expect(fits));
    let src_blocks: Vec<SrcBlock<'_>> = src_lens.iter().map(src_block).collect();
    let dst_blocks: Vec<DstBlock<'_>> = dst_lens.iter().map(dst_block).collect();
    let mut srcs = Pair::new(&src_blocks);
    let mut dsts = Pair::new(&dst_blocks);
    while !input.is_empty() {
        let step = input.number(0..=5);
        let bytes = input.len(255) / 2;
        if step < 3 { srcs.step(step, bytes) } else { dsts.step(step - 3, bytes) }
    }

    let mut touch = |bytes: usize, value: &dyn Fn(usize) -> u8| {
        for (at, byte) in dsts.bytes.iter().take(bytes).enumerate() {
            expected[byte.addr - base] = value(at);
        }
    };
    if data.len().is_multiple_of(4) {
        touch(dsts.bytes.len(), &|_| 0);
        assert_eq!(zero_seq(dsts.seq), Ok(dsts.bytes.len()));
    } else {
        let common = dsts.bytes.len().min(srcs.bytes.len());
        touch(common, &|at| source[srcs.bytes[at].addr - source.as_ptr().addr()]);
        assert_eq!(copy_seq(dsts.seq, srcs.seq), Ok(common));
    }
    assert_eq!(target, expected);
}

/// A byte of a sequence.
#[derive(Clone, Copy)]
struct Byte {
    /// The index of its block.
    block: usize,
    addr: usize,
}

/// A sequence and the list of its bytes.
struct Pair<'a, M> {
    seq: BlockSeq<'a, M>,
    bytes: Vec<Byte>,
}

impl<'a, M> Pair<'a, M> {
    fn new(blocks: &'a [Block<'a, M>]) -> Self {
        let bytes = blocks.iter().enumerate().flat_map(|(index, block)| {
            (block.addr()..block.addr() + block.len()).map(move |addr| Byte { block: index, addr })
        });
        let pair = Self { seq: BlockSeq::from_slice(blocks), bytes: bytes.collect() };
        pair.check();
        pair
    }

    fn step(&mut self, step: u64, bytes: usize) {
        match step {
            0 => {
                self.seq = self.seq.drop_first(bytes);
                self.bytes.drain(..bytes.min(self.bytes.len()));
            }
            1 => {
                self.seq = self.seq.take_first(bytes);
                self.bytes.truncate(bytes);
            }
            _ => {
                self.seq = self.seq.split_first().map(|(_, tail)| tail).unwrap_or_default();
                let head = self.bytes.first().map(|first| first.block);
                self.bytes.retain(|byte| Some(byte.block) != head);
            }
        }
        self.check();
    }

    fn check(&self) {
        let blocks: Vec<(usize, usize)> = self
            .bytes
            .chunk_by(|one, next| one.block == next.block)
            .map(|block| (block[0].addr, block.len()))
            .collect();
        let shape = |block: Block<'_, M>| (block.addr(), block.len());
        assert_eq!(self.seq.iter().map(shape).collect::<Vec<_>>(), blocks);
        assert_eq!(self.seq.split_first().map(|(head, _)| shape(head)), blocks.first().copied());
        assert_eq!(self.seq.num_bytes(), self.bytes.len());
        assert_eq!(self.seq.is_empty(), self.bytes.is_empty());
        let iovecs = self.seq.to_iovecs();
        assert!(iovecs.iter().map(|iovec| (iovec.iov_base.addr(), iovec.iov_len)).eq(blocks));
    }
}
