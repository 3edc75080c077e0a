//! Sequences of blocks by themselves.

use safecopy::{Block, BlockSeq, DstBlock, SrcBlock, SrcBlockSeq, VecWriter, Writer};
use testkit::ModelBlocks;

/// Pieces, bytes to drop, bytes to take then, and what is left.
const TABLE: [(&[&str], usize, usize, &str); 7] = [
    (&[], 0, 9, ""),
    (&["foobar"], 0, 9, "foobar"),
    (&["foo", "bar"], 0, 9, "foobar"),
    (&["", "foo", "", "", "bar", ""], 0, 9, "foobar"),
    (&["foo", "bar"], 2, 9, "obar"),
    (&["foo", "bar"], 0, 5, "fooba"),
    (&["foo", "bar"], 2, 3, "oba"),
];

/// Runs a check on every row: the sequence, and its bytes.
#[track_caller]
fn each_row(check: impl Fn(SrcBlockSeq<'_>, &str)) {
    for (pieces, drop, take, expected) in TABLE {
        let blocks: Vec<_> = pieces.iter().map(|p| SrcBlock::from_slice(p.as_bytes())).collect();
        check(BlockSeq::from_slice(&blocks).drop_first(drop).take_first(take), expected);
    }
}

/// Returns the bytes of a sequence.
fn bytes(seq: SrcBlockSeq<'_>) -> String {
    let mut all = Vec::new();
    let len = seq.num_bytes();
    assert_eq!(VecWriter::new(&mut all, len).write_from_blocks(seq), Ok(len));
    String::from_utf8(all).expect("the table is text")
}

#[test]
fn the_bytes_of_a_sequence_are_those_of_its_blocks() {
    each_row(|seq, expected| {
        assert_eq!(seq.num_bytes(), expected.len());
        assert_eq!(seq.is_empty(), expected.is_empty());
        assert_eq!(bytes(seq), expected);
    });
}

#[test]
fn heads_and_tails_are_the_pieces_that_are_not_empty() {
    each_row(|seq, expected| {
        let (mut left, mut all) = (seq, String::new());
        while let Some((head, tail)) = left.split_first() {
            assert!(!head.is_empty());
            assert_eq!(left.head().map(Block::addr), Some(head.addr()));
            assert_eq!(tail.num_bytes(), left.num_bytes() - head.len());
            assert_eq!(left.tail().num_bytes(), tail.num_bytes());
            all += &bytes(BlockSeq::of(head));
            left = tail;
        }
        assert_eq!(all, expected);
        assert_eq!(
            seq.iter().map(|block| bytes(BlockSeq::of(block))).collect::<String>(),
            expected
        );
    });
}

#[test]
fn a_sequence_can_be_eaten_byte_by_byte() {
    each_row(|seq, expected| {
        let (mut left, mut all) = (seq, String::new());
        while let Some(head) = left.head() {
            all += &bytes(BlockSeq::of(head.take_first(1)));
            let before = left.num_bytes();
            left = left.drop_first(1);
            assert_eq!(left.num_bytes(), before - 1);
        }
        assert_eq!(all, expected);
        assert!(left.is_empty());
        assert!(seq.drop_first(expected.len() + 1).is_empty());
        assert!(seq.drop_first(usize::MAX).is_empty());
    });
}

#[test]
fn no_bytes_is_no_blocks_and_empty_however_it_came_about() {
    let empty = [SrcBlock::from_slice(b""), SrcBlock::default(), SrcBlock::from_slice(b"")];
    let block = SrcBlock::from_slice(b"foo");
    for seq in [
        BlockSeq::default(),
        BlockSeq::of(SrcBlock::default()),
        BlockSeq::of(SrcBlock::from_slice(b"")),
        BlockSeq::from_slice(&[]),
        BlockSeq::from_slice(&empty),
        BlockSeq::of(block).drop_first(3),
        BlockSeq::of(block).take_first(0),
        BlockSeq::of(block).tail(),
    ] {
        ModelBlocks::default().assert_same(seq);
    }
    let one = BlockSeq::of(SrcBlock::from_slice(b"x"));
    assert_eq!((one.is_empty(), one.num_blocks(), one.tail().is_empty()), (false, 1, true));
}

#[test]
fn pitfall_01_a_shortened_sequence_ends() {
    let blocks = [SrcBlock::from_slice(b"123"), SrcBlock::from_slice(b"4")];
    let seq = BlockSeq::from_slice(&blocks);
    assert_eq!(seq.num_bytes(), 4);
    let seq = seq.take_first(1);
    assert_eq!(seq.num_bytes(), 1);
    let seq = seq.drop_first(2);
    assert!(seq.is_empty() && seq.num_bytes() == 0 && seq.split_first().is_none());
}

/// Bytes of a [`vast`] block, of which there are too many in 2048.
const VAST: usize = 1 << 53;

/// Returns a block that is longer than an address space.
fn vast(len: usize) -> SrcBlock<'static> {
    assert!(len <= VAST);
    // SAFETY: 1. no Rust object is at addresses as high as these.
    unsafe { SrcBlock::from_raw(std::ptr::without_provenance_mut(VAST), len) }
}

#[test]
fn a_sequence_of_more_bytes_than_can_be_counted_is_refused() {
    let mut blocks = vec![vast(VAST); 2048];
    assert!(BlockSeq::checked_from_slice(&blocks).is_none());
    blocks[2047] = vast(VAST - 1);
    let seq = BlockSeq::from_slice(&blocks);
    assert_eq!((seq.num_bytes(), seq.num_blocks()), (usize::MAX, 2048));
    assert_eq!(seq.drop_first(usize::MAX - 1).num_bytes(), 1);
    assert_eq!(seq.drop_first(1).take_first(usize::MAX).num_bytes(), usize::MAX - 1);
    assert!(seq.drop_first(usize::MAX).is_empty());
    blocks.push(SrcBlock::from_slice(b"x"));
    assert!(BlockSeq::checked_from_slice(&blocks).is_none());
}

#[test]
#[should_panic(expected = "blocks hold more than usize::MAX bytes")]
fn a_sequence_of_too_many_bytes_panics_unless_it_is_checked() {
    let _ = BlockSeq::from_slice(&vec![vast(VAST); 2048]);
}

#[test]
fn a_block_of_either_kind_names_its_addresses() {
    let mut own = [0; 3];
    let block = DstBlock::from_slice(&mut own);
    let text = format!("[{:#x}-{:#x})", block.addr(), block.addr() + 3);
    assert_eq!(format!("{block:?}"), text);
    assert_eq!(BlockSeq::of(block).to_string(), format!("[{text}]"));
    let blocks = [block, DstBlock::default(), block];
    assert_eq!(BlockSeq::from_slice(&blocks).to_string(), format!("[{text} {text}]"));
    assert_eq!(BlockSeq::from_slice(&blocks[..0]).to_string(), "[]");
}

#[test]
fn parts_of_a_block_are_those_of_its_bytes_or_nothing() {
    const TEXT: &str = "foobar";
    let block = SrcBlock::from_slice(TEXT.as_bytes());
    let numbers = || (0..=TEXT.len() + 2).chain([usize::MAX - 1, usize::MAX]);
    for at in numbers() {
        for len in numbers() {
            let expected = at.checked_add(len).and_then(|end| TEXT.get(at..end));
            let part = block.part(at, len).map(|part| bytes(BlockSeq::of(part)));
            assert_eq!(part.as_deref(), expected, "{len} at {at}");
        }
        let split = block.split_at(at);
        let split = split.map(|(first, rest)| [first, rest].map(|part| bytes(BlockSeq::of(part))));
        let expected = TEXT.split_at_checked(at).map(|(first, rest)| [first, rest]);
        assert_eq!(split, expected.map(|parts| parts.map(str::to_owned)), "{at}");
    }
    let first = block.split_at(0).map(|(first, rest)| (first.is_empty(), rest.addr()));
    assert_eq!(first, Some((true, block.addr())));
}
