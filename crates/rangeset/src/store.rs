//! Where entries are kept.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use crate::{KeyRange, Label};

/// The most entries of a home.
pub(crate) const MAX: usize = 32;
/// Homes beyond which an empty store gives its memory back.
const KEPT: usize = 16;

/// The entries of a map, in homes of up to [`MAX`] each, which stay where they are while entries of
/// other homes come and go.
///
/// All labels lie in one array, apart from the values, so that a search reads labels only; and a place
/// in it is all that it takes to look at one.
///
/// **Invariant**: a label in use is that of its range and its value, all others are [`Label::NONE`].
pub(crate) struct Store<V, L> {
    /// [`MAX`] for each home, except for the last, which has as many as it needs.
    labels: Vec<L>,
    /// Those of each home.
    values: Vec<Vec<V>>,
    /// Homes without entries.
    free: Vec<Home>,
}

impl<V, L> Store<V, L> {
    pub(crate) fn new() -> Self {
        Self { labels: Vec::new(), values: Vec::new(), free: Vec::new() }
    }

    /// Returns how many entries a home has.
    #[inline]
    pub(crate) fn len(&self, home: Home) -> usize {
        self.values[home.number()].len()
    }

    /// Returns the label at a place, which is [`Label::NONE`] where there is no entry.
    #[inline(always)]
    pub(crate) fn label(&self, place: usize) -> Option<&L> {
        self.labels.get(place)
    }

    /// Returns a value of a home.
    #[inline]
    pub(crate) fn value(&self, home: Home, index: usize) -> &V {
        &self.values[home.number()][index]
    }
}

/// Returns the place of an entry among all labels.
#[inline(always)]
pub(crate) fn place(home: Home, index: usize) -> usize {
    home.0.wrapping_add(index)
}

/// A home, by the place of its first entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home(usize);

impl Home {
    /// Returns the home that a place is in, and which of its entries is there.
    #[inline(always)]
    pub(crate) fn of(place: usize) -> (Self, usize) {
        (Self(place & !(MAX - 1)), place & (MAX - 1))
    }

    #[inline(always)]
    fn number(self) -> usize {
        self.0 / MAX
    }
}

impl<V, L: Label<V>> Store<V, L> {
    /// Returns a home without entries, which will get `len` at least.
    #[inline(never)]
    pub(crate) fn take_home(&mut self, len: usize) -> Home {
        let home = self.free.pop().unwrap_or_else(|| {
            // What was the last one has as many labels as the others from now on.
            self.labels.resize(self.values.len() * MAX, L::NONE);
            self.values.push(Vec::new());
            Home((self.values.len() - 1) * MAX)
        });
        self.values[home.number()].reserve(len);
        home
    }

    /// Takes back a home whose entries are gone.
    pub(crate) fn give_back(&mut self, home: Home) {
        debug_assert!(
            self.values[home.number()].is_empty(),
            "our own invariant: nobody lives there"
        );
        self.free.push(home);
        if self.free.len() == self.values.len() && self.free.len() > KEPT {
            *self = Self::new();
        }
    }

    /// Returns whether a key lies between the ends of a home's entries.
    pub(crate) fn has_around(&self, home: Home, key: u64) -> bool {
        if home.number() >= self.values.len() {
            return false;
        }
        let labels = self.labels(home);
        labels.first().is_some_and(|first| first.range().start <= key)
            && labels.last().is_some_and(|last| key < last.range().end)
    }

    /// Returns the labels of a home.
    pub(crate) fn labels(&self, home: Home) -> &[L] {
        self.first_labels(home, self.len(home))
    }

    /// Returns the first labels of a home.
    #[inline]
    pub(crate) fn first_labels(&self, home: Home, len: usize) -> &[L] {
        &self.labels[home.0..home.0.wrapping_add(len)]
    }

    /// Returns the range of an entry.
    #[inline]
    pub(crate) fn range(&self, home: Home, index: usize) -> KeyRange {
        self.labels[place(home, index)].range()
    }

    /// Sets the range of an entry.
    pub(crate) fn set_range(&mut self, home: Home, index: usize, range: KeyRange) {
        self.labels[place(home, index)] = L::new(range, &self.values[home.number()][index]);
    }

    /// Changes the value of an entry.
    #[inline]
    pub(crate) fn change<R>(
        &mut self,
        home: Home,
        index: usize,
        f: impl FnOnce(KeyRange, &mut V) -> R,
    ) -> R {
        let (label, value) =
            (&mut self.labels[place(home, index)], &mut self.values[home.number()][index]);
        let range = label.range();
        let result = f(range, value);
        *label = L::new(range, value);
        result
    }

    /// Changes the values of a home from `index` on, up to the first entry that starts at or above
    /// `end`; returns whether there is none.
    #[inline]
    pub(crate) fn change_from(
        &mut self,
        home: Home,
        index: usize,
        end: u64,
        f: &mut impl FnMut(KeyRange, &mut V),
    ) -> bool {
        let values = &mut self.values[home.number()];
        let labels = &mut self.labels[home.0..][..values.len()];
        for (label, value) in labels.iter_mut().zip(values).skip(index) {
            let range = label.range();
            if range.start >= end {
                return false;
            }
            f(range, value);
            *label = L::new(range, value);
        }
        true
    }

    /// Appends an entry to a home with room.
    #[inline(always)]
    pub(crate) fn push(&mut self, home: Home, range: KeyRange, value: V) {
        let values = &mut self.values[home.number()];
        let place = place(home, values.len());
        let label = L::new(range, &value);
        values.push(value);
        match self.labels.get_mut(place) {
            Some(there) => *there = label,
            None => {
                self.make_places(home, place - home.0 + 1);
                self.labels[place] = label;
            }
        }
    }

    /// Inserts an entry into a home with room.
    #[inline]
    pub(crate) fn insert(&mut self, home: Home, index: usize, range: KeyRange, value: V) {
        let len = self.len(home);
        if index >= len {
            return self.push(home, range, value);
        }
        self.make_places(home, len + 1);
        let labels = &mut self.labels[home.0..];
        labels.copy_within(index..len, index + 1);
        labels[index] = L::new(range, &value);
        self.values[home.number()].insert(index, value);
    }

    /// Has a home have as many labels as `len` entries need.
    #[inline]
    fn make_places(&mut self, home: Home, len: usize) {
        if self.labels.len() < place(home, len) {
            self.make_more_places(home, len);
        }
    }

    #[cold]
    #[inline(never)]
    fn make_more_places(&mut self, home: Home, len: usize) {
        self.labels.resize(place(home, len.next_power_of_two().max(MAX / 2)), L::NONE);
    }

    /// Removes an entry.
    #[inline(always)]
    pub(crate) fn remove(&mut self, home: Home, index: usize) -> (KeyRange, V) {
        let values = &mut self.values[home.number()];
        let labels = &mut self.labels[home.0..][..values.len()];
        let range = labels[index].range();
        let last = labels.len() - 1;
        if index < last {
            labels.copy_within(index + 1.., index);
        }
        labels[last] = L::NONE;
        (range, values.remove(index))
    }

    /// Removes the entries from `start` up to `end`, calling `removed` for each.
    #[inline(always)]
    pub(crate) fn drain(
        &mut self,
        home: Home,
        (start, end): (usize, usize),
        mut removed: impl FnMut(KeyRange, V),
    ) {
        let places = place(home, start)..place(home, end);
        let len = place(home, self.len(home));
        let gone = Going { labels: &mut self.labels, places, len, none: L::NONE };
        let labels = gone.labels[gone.places.clone()].iter();
        for (label, value) in labels.zip(self.values[home.number()].drain(start..end)) {
            removed(label.range(), value);
        }
    }

    /// Moves the entries from `index` on into a home of their own, and returns that.
    pub(crate) fn split_off(&mut self, home: Home, index: usize) -> Home {
        let count = self.len(home) - index;
        let upper = self.take_home(count);
        self.values[upper.number()] = self.values[home.number()].split_off(index);
        self.move_labels((home, index), (upper, 0), count);
        upper
    }

    /// Appends the entries of a home, which is given back.
    pub(crate) fn append(&mut self, home: Home, upper: Home) {
        let (len, count) = (self.len(home), self.len(upper));
        let mut values = mem::take(&mut self.values[upper.number()]);
        self.values[home.number()].append(&mut values);
        self.move_labels((upper, 0), (home, len), count);
        self.give_back(upper);
    }

    fn move_labels(&mut self, from: (Home, usize), to: (Home, usize), count: usize) {
        self.make_places(to.0, to.1 + count);
        let start = place(from.0, from.1);
        self.labels.copy_within(start..start + count, place(to.0, to.1));
        self.labels[start..start + count].fill(L::NONE);
    }

    /// Checks the invariant, except for what labels say beside the range.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let is_free = |label: &L| label.range().is_empty();
        for (number, values) in self.values.iter().enumerate() {
            let home = Home(number * MAX);
            let places = place(home, values.len())..self.labels.len().min(place(home, MAX));
            assert!(self.labels[places].iter().all(is_free));
            assert_eq!(values.is_empty(), self.free.contains(&home));
        }
        assert!(self.labels.len() <= self.values.len() * MAX);
    }
}

/// Labels of entries that are being removed: whatever happens meanwhile, nobody finds them afterwards.
struct Going<'a, L: Copy> {
    labels: &'a mut [L],
    places: Range<usize>,
    /// Where the labels of their home end.
    len: usize,
    none: L,
}

impl<L: Copy> Drop for Going<'_, L> {
    #[inline(always)]
    fn drop(&mut self) {
        let Range { start, end } = self.places;
        if end < self.len {
            self.labels.copy_within(end..self.len, start);
        }
        self.labels[self.len - (end - start)..self.len].fill(self.none);
    }
}
