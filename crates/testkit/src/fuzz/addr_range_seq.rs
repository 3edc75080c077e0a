//! Sequences of ranges.

use usermem_types::AddrRangeSeq;

use super::input::Input;
use crate::ModelSeq;

/// Works on an [`AddrRangeSeq`] and on a [`ModelSeq`], and compares them after every step.
///
/// # Panics
/// When they differ.
pub fn addr_range_seq(data: &[u8]) {
    let mut input = Input::new(data);
    let ranges = input.ranges(0, 0x100, 12);
    let total: u128 = ranges.iter().map(|range| u128::from(range.len())).sum();
    let seq = AddrRangeSeq::from_slice(&ranges);
    assert_eq!(seq.is_err(), total > i64::MAX as u128);
    let Ok(mut seq) = seq else { return };
    let mut model = ModelSeq::new(&ranges);
    model.assert_same(seq);
    while !input.is_empty() {
        let step = input.number(0..=9);
        // Counts around that of all bytes are where the edges are.
        let bytes = match step {
            0..=1 => seq.num_bytes().saturating_add(1) - input.number(0..=2).min(seq.num_bytes()),
            _ => input.number(0..=20),
        };
        match step % 3 {
            0 => (seq, _) = (seq.drop_first(bytes), model.drop_first(bytes)),
            1 => (seq, _) = (seq.take_first(bytes), model.take_first(bytes)),
            _ => (seq, _) = (seq.tail(), model.tail()),
        }
        model.assert_same(seq);
        assert_eq!(AddrRangeSeq::from_slice(&model.ranges()), Ok(seq));
    }
}
