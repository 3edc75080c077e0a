//! Generators of blocks and of what streams do.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use usermem_types::Errno;

use crate::{Answer, End};

/// Bytes of a block that may be accessed, and bytes behind them that may not.
///
/// ```
/// use proptest::strategy::{Strategy, ValueTree};
/// use proptest::test_runner::TestRunner;
/// use testkit::stream_strategies::shapes;
///
/// let shapes = shapes(64, 5).new_tree(&mut TestRunner::default()).unwrap().current();
/// assert!(shapes.iter().all(|shape| shape.good <= 64 && shape.bad <= 8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes that are there.
    pub good: usize,
    /// Bytes that fault.
    pub bad: usize,
}

/// Generates the shapes of up to `max_count` blocks, many of them empty, a few of which fault.
pub fn shapes(max_len: usize, max_count: usize) -> impl Strategy<Value = Vec<Shape>> {
    let good = prop_oneof![1 => Just(0), 4 => 0..=max_len];
    let bad = prop_oneof![6 => Just(0), 1 => 1..=8usize];
    vec((good, bad).prop_map(|(good, bad)| Shape { good, bad }), 0..=max_count)
}

/// Generates what a stream answers to one call after the other: more than it is offered, as much,
/// less, nothing, errors, and panics.
pub fn answers(max_len: usize, max_count: usize) -> impl Strategy<Value = Vec<Answer>> {
    let claims = prop_oneof![
        3 => Just(usize::MAX),
        3 => 1..=max_len,
        1 => Just(0),
    ];
    let end = prop_oneof![
        12 => Just(End::Returns),
        1 => Just(End::Fails(Errno::EIO)),
        1 => Just(End::Fails(Errno::EINTR)),
        1 => Just(End::Panics),
    ];
    vec((claims, end).prop_map(|(claims, end)| Answer { claims, end }), 0..=max_count)
}
