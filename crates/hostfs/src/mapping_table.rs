//! Who maps a file, and where.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use memmap::{InvalidateOpts, MappingSpace};
use usermem_types::AddrRange;

/// The mappings of one file, by space and address.
///
/// The ranges of one space do not overlap: a space maps one thing at an address.
#[derive(Default)]
pub(crate) struct MappingTable {
    mappings: BTreeMap<(usize, u64), Mapping>,
}

struct Mapping {
    space: Weak<dyn MappingSpace>,
    range: AddrRange,
    /// The offset into the file of the first byte.
    offset: u64,
    /// It is shared and may be written, now or after a change of its protections.
    writable: bool,
}

impl MappingTable {
    /// Returns whether nothing maps the file.
    pub(crate) fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    pub(crate) fn add(
        &mut self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) {
        let mapping = Mapping { space: Weak::clone(space), range, offset, writable };
        self.mappings.insert((identity(space), range.start().get()), mapping);
    }

    /// Removes a range, which may be a part of what was added, or several of them.
    pub(crate) fn remove(&mut self, space: &Weak<dyn MappingSpace>, range: AddrRange) {
        let id = identity(space);
        let end = range.end().get();
        // The last mapping that begins before the range may reach into it.
        let before = self.mappings.range((id, 0)..(id, range.start().get())).next_back();
        let first = before.map_or(range.start().get(), |((_, start), _)| *start);
        let keys: Vec<_> = self.mappings.range((id, first)..(id, end)).map(|(k, _)| *k).collect();
        for key in keys {
            let Some(mapping) = self.mappings.remove(&key) else { continue };
            for rest in without(mapping.range, range).into_iter().flatten() {
                let offset = mapping.offset + (rest.start().get() - mapping.range.start().get());
                self.add(&mapping.space, rest, offset, mapping.writable);
            }
        }
    }

    /// Returns whether a mapping of a space that lives is shared and may be written.
    pub(crate) fn has_writable(&self) -> bool {
        self.mappings.values().any(|mapping| mapping.writable && mapping.space.strong_count() > 0)
    }

    /// Drops the translations of everything from `offset` on, private copies included, and returns
    /// the spaces, which must not be dropped while the table is locked.
    #[must_use]
    pub(crate) fn invalidate_from(&mut self, offset: u64) -> Vec<Arc<dyn MappingSpace>> {
        self.mappings.retain(|_, mapping| mapping.space.strong_count() > 0);
        let mut spaces = Vec::new();
        for mapping in self.mappings.values() {
            let before = offset.saturating_sub(mapping.offset);
            let range = mapping.range.drop_first(before);
            if let Some(space) = mapping.space.upgrade() {
                if !range.is_empty() {
                    space.invalidate(range, InvalidateOpts { invalidate_private: true });
                }
                spaces.push(space);
            }
        }
        spaces
    }
}

/// Returns what is left of `range` on either side of `hole`.
fn without(range: AddrRange, hole: AddrRange) -> [Option<AddrRange>; 2] {
    let left = AddrRange::new(range.start(), hole.start().min(range.end()));
    let right = AddrRange::new(hole.end().max(range.start()), range.end());
    [left, right].map(|rest| rest.filter(|rest| !rest.is_empty()))
}

fn identity(space: &Weak<dyn MappingSpace>) -> usize {
    space.as_ptr().cast::<()>().addr()
}

#[cfg(test)]
mod tests {
    use usermem_types::Addr;

    use super::*;

    /// Not of size zero: two of them lie at two addresses.
    struct Nobody(#[expect(dead_code, reason = "only takes room")] u8);

    impl MappingSpace for Nobody {
        fn invalidate(&self, _: AddrRange, _: InvalidateOpts) {}
    }

    fn range(start: u64, end: u64) -> AddrRange {
        AddrRange::new(Addr::new(start), Addr::new(end)).unwrap()
    }

    fn shown(table: &MappingTable) -> Vec<(u64, u64, u64)> {
        let ends = |m: &Mapping| (m.range.start().get(), m.range.end().get(), m.offset);
        table.mappings.values().map(ends).collect()
    }

    #[test]
    fn removing_cuts_splits_and_spans() {
        let one: Arc<dyn MappingSpace> = Arc::new(Nobody(0));
        let two: Arc<dyn MappingSpace> = Arc::new(Nobody(0));
        let (weak, other) = (Arc::downgrade(&one), Arc::downgrade(&two));
        let mut table = MappingTable::default();
        table.add(&weak, range(10, 20), 0, false);
        table.remove(&weak, range(13, 15));
        assert_eq!(shown(&table), [(10, 13, 0), (15, 20, 5)]);
        table.add(&weak, range(30, 40), 100, true);
        table.remove(&weak, range(18, 32));
        assert_eq!(shown(&table), [(10, 13, 0), (15, 18, 5), (32, 40, 102)]);
        table.remove(&weak, range(13, 15));
        table.remove(&weak, range(0, 10));
        table.remove(&other, range(0, 100));
        assert_eq!(shown(&table), [(10, 13, 0), (15, 18, 5), (32, 40, 102)]);
        assert!(table.has_writable());
        table.remove(&weak, range(32, 40));
        assert!(!table.has_writable());
        table.remove(&weak, range(0, 100));
        assert_eq!(shown(&table), []);
    }
}
