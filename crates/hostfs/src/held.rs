//! The pages of a file of memory, counted.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use memmap::CommitLimit;
use parking_lot::Mutex;
use rangeset::{KeyRange, RangeMap, Segment};
use usermem_types::Errno;

use crate::mapping::FileId;

/// The counted files that exist, for those who open one once more.
static HELD: Mutex<Option<HashMap<FileId, Weak<Held>>>> = Mutex::new(None);

/// Which pages a file of memory may have, counted against a limit until dropped.
///
/// Pages are counted when something is about to put memory behind them, and are given back when the
/// file is cut or punched. The host is not asked: it tells nobody when a mapped page is touched.
#[derive(Debug)]
pub(crate) struct Held {
    id: FileId,
    limit: Arc<dyn CommitLimit>,
    pages: Mutex<RangeMap<Page>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page;

impl Segment for Page {
    fn can_merge(&self, _: KeyRange, _: &Self, _: KeyRange) -> bool {
        true
    }

    fn merge(&mut self, _: KeyRange, _: Self, _: KeyRange) {}

    fn split_off(&mut self, _: KeyRange, _: u64) -> Self {
        Self
    }
}

impl Held {
    /// Begins to count the pages of an empty file.
    pub(crate) fn new(id: FileId, limit: Arc<dyn CommitLimit>) -> Arc<Self> {
        let held = Arc::new(Self { id, limit, pages: Mutex::default() });
        HELD.lock().get_or_insert_default().insert(id, Arc::downgrade(&held));
        held
    }

    /// Returns the pages of a file if they are counted.
    pub(crate) fn find(id: FileId) -> Option<Arc<Self>> {
        HELD.lock().as_ref()?.get(&id)?.upgrade()
    }

    /// Counts the pages of `[start, end)` that are not counted yet; returns these.
    ///
    /// # Errors
    /// `ENOMEM` when the limit does not allow all of them; none is counted then.
    pub(crate) fn hold(&self, start: u64, end: u64) -> Result<Vec<KeyRange>, Errno> {
        let range = whole_pages(start, end);
        let mut pages = self.pages.lock();
        let new = gaps(&pages, range);
        self.limit.commit(new.iter().map(|gap| gap.len()).sum())?;
        for gap in &new {
            pages.insert(*gap, Page);
        }
        Ok(new)
    }

    /// Counts as many pages from the start of `[start, end)` as the limit allows. Returns which were
    /// not counted before, and where the counted ones end.
    pub(crate) fn hold_some(&self, start: u64, end: u64) -> (Vec<KeyRange>, u64) {
        if let Ok(new) = self.hold(start, end) {
            return (new, end);
        }
        let mut new = Vec::new();
        let mut at = start;
        while at < end {
            let next = whole_pages(at, at + 1).end.min(end);
            match self.hold(at, next) {
                Ok(page) => new.extend(page),
                Err(_) => break,
            }
            at = next;
        }
        (new, at)
    }

    /// Gives back what of some pages lies at or above `start`: the file has no memory there.
    pub(crate) fn release_from(&self, pages: &[KeyRange], start: u64) {
        let start = whole_pages(start, start).end;
        for range in pages {
            self.release(KeyRange::new(range.start.max(start).min(range.end), range.end));
        }
    }

    /// Gives back all pages inside a range.
    pub(crate) fn release(&self, range: KeyRange) {
        let mut bytes = 0;
        self.pages.lock().remove_range(range, |gone, _| bytes += gone.len());
        self.limit.uncommit(bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.limit.uncommit(self.pages.get_mut().span());
        if let Some(all) = HELD.lock().as_mut() {
            // Another file may have the number by now.
            if all.get(&self.id).is_some_and(|held| held.strong_count() == 0) {
                all.remove(&self.id);
            }
        }
    }
}

/// Returns the parts of a range that are not in a map.
fn gaps(pages: &RangeMap<Page>, range: KeyRange) -> Vec<KeyRange> {
    let mut new = Vec::new();
    let mut at = range.start;
    for (held, _) in pages.iter_in(range) {
        if held.start > at {
            new.push(KeyRange::new(at, held.start));
        }
        at = held.end;
    }
    if at < range.end {
        new.push(KeyRange::new(at, range.end));
    }
    new
}

/// Returns the pages around `[start, end)`; of a file, which ends below the last page of offsets.
fn whole_pages(start: u64, end: u64) -> KeyRange {
    let page = rustix::param::page_size() as u64;
    KeyRange::new(start & !(page - 1), end.checked_next_multiple_of(page).unwrap_or(!(page - 1)))
}

/// Returns the whole pages inside `[start, start + len)`.
pub(crate) fn inner_pages(start: u64, len: u64) -> KeyRange {
    let page = rustix::param::page_size() as u64;
    let end = start.saturating_add(len) & !(page - 1);
    let start = start.checked_next_multiple_of(page).unwrap_or(end);
    KeyRange::new(start.min(end), end)
}
