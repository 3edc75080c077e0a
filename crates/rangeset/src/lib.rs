//! An ordered map from ranges of `u64` keys to values.
//!
//! A [`RangeMap`] holds disjoint, non-empty, half-open ranges in ascending order, each with a
//! value that knows, through [`Segment`], how to be split and merged: a value that holds an offset
//! can follow its range. Gaps are first class: the map finds the lowest or the highest gap of a
//! length without looking at every range.
//!
//! ```
//! use rangeset::{KeyRange, RangeMap};
//! let mut map = RangeMap::<()>::new();
//! map.insert(KeyRange::new(0, 10), ());
//! map.insert(KeyRange::new(10, 20), ());
//! assert_eq!(map.len(), 1, "neighbours merge");
//! assert_eq!(map.find_gap(KeyRange::new(0, 100), 5, Some), Some(KeyRange::new(20, 100)));
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod label;
mod range;
mod segment;

mod block;
mod hints;
mod map;
mod store;

mod edit;
mod gap;
mod iter;

#[cfg(test)]
mod tests;

pub use label::Label;
pub use map::RangeMap;
pub use range::KeyRange;
pub use segment::Segment;
