//! Copying pages before they are written.

use memfile::{AllocOpts, Commit};
use memmap::{File, FileRange};
use rangeset::KeyRange;
use usermem_types::FaultKind;

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::pma::Pma;
use crate::range::{HUGE, PAGE, PAGE_SIZE};
use crate::translate::Step;
use crate::vma::Vma;

/// How much of a block must be copied already for the rest of it to be copied at once: one part
/// in so many.
const DENSE: u64 = 8;
/// The largest block that is copied for this reason.
const DENSE_MAX: u64 = 64 * PAGE;

impl MemoryManager {
    /// Makes the pages at the start of `wanted`, which lie in the pma that covers `here`, this
    /// memory manager's own and writable.
    pub(crate) fn break_cow(
        &self,
        active: &mut Active,
        here: KeyRange,
        wanted: KeyRange,
        vma: &Vma,
        detached: &mut Detached<'_>,
    ) -> Result<Step, FaultKind> {
        let range = to_copy(active, here, wanted, vma);
        match self.copy_range(active, range, wanted, vma, detached) {
            Ok(done) if done.contains(wanted.start) => Ok(Step::Changed(done)),
            // The object ends before what was asked for, its neighbours cannot be read, or there is
            // no memory for them.
            _ if range.len() > PAGE => {
                let first = KeyRange::new(wanted.start, wanted.start + PAGE);
                self.copy_range(active, first, first, vma, detached).map(Step::Changed)
            }
            other => other.map(Step::Changed),
        }
    }

    /// Makes as many pages of `range`, inside one pma, our own as can be read, among them the first
    /// one that is wanted.
    fn copy_range(
        &self,
        active: &mut Active,
        range: KeyRange,
        wanted: KeyRange,
        vma: &Vma,
        detached: &mut Detached<'_>,
    ) -> Result<KeyRange, FaultKind> {
        let (held, pma) = active
            .pmas
            .get(range.start)
            .filter(|(_, pma)| pma.need_cow)
            .ok_or(FaultKind::Unmapped)?;
        let range = range.intersect(held);
        if pma.private && pma.file.file().has_unique_ref(pma.pages(held, range)) {
            // Nobody else has them any more.
            active.pmas.edit(range, |_, pma| {
                pma.need_cow = false;
                pma.set_accesses(vma);
            });
            return Ok(range);
        }
        let (range, has_memory) = alike(held, pma, range, wanted);
        if !has_memory {
            // Nobody has touched them: they are zero, and whoever shares them goes on without.
            let pages = self.allocate_near(active, range, AllocOpts::default())?;
            active.pmas.remove_range(range, |part, pma| detached.add(part, pma.file));
            active.insert(range, Pma::private(pages, vma));
            return Ok(range);
        }
        let pages = pma.pages(held, range);
        let opts = AllocOpts { commit: Commit::CallerTouches, ..AllocOpts::default() };
        let mut copy = self.allocate_near(active, range, opts)?;
        let copied = copy_pages(&**pma.file.file(), pages, &**copy.file(), copy.range())?;
        if copied < range.len() {
            drop(copy.split_off(copied));
        }
        let range = KeyRange::new(range.start, range.start + copied);
        active.pmas.remove_range(range, |part, pma| detached.add(part, pma.file));
        active.insert(range, Pma::private(copy, vma));
        Ok(range)
    }
}

/// Returns which pages of `range`, around the first one that is wanted, are made our own together, and
/// whether they have memory: a copy would give it to those that have none, on both sides.
///
/// What is wanted of an object is read in any case, and more of it only where it is in memory.
fn alike(held: KeyRange, pma: &Pma, range: KeyRange, wanted: KeyRange) -> (KeyRange, bool) {
    let range = range.intersect(KeyRange::new(range.start, range.start.saturating_add(HUGE)));
    let page_of = |addr: u64| ((addr - range.start) / PAGE) as usize;
    let mut present = [0; (HUGE / PAGE) as usize];
    let present = &mut present[..page_of(range.end)];
    pma.file.file().residency(pma.pages(held, range), present);
    if !pma.private {
        let wanted = wanted.intersect(range);
        present[page_of(wanted.start)..page_of(wanted.end)].fill(1);
    }
    let at = page_of(wanted.start);
    let (below, above) = present.split_at(at);
    let is_alike = |page: &&u8| **page == present[at];
    let below = below.iter().rev().take_while(is_alike).count() as u64;
    let above = above.iter().take_while(is_alike).count() as u64;
    let run = KeyRange::new(wanted.start - below * PAGE, wanted.start + above * PAGE);
    (run, present[at] != 0)
}

/// Returns what to copy when the start of `wanted` is written. Copying a page costs a fraction of
/// the fault that it saves, but memory too: so the pages around are copied when the writes before
/// make it likely that they will be written, because they came in order or are dense here.
fn to_copy(active: &Active, here: KeyRange, wanted: KeyRange, vma: &Vma) -> KeyRange {
    if vma.real.execute() {
        return wanted.intersect(here);
    }
    let unit = next_unit(vma, wanted);
    let ahead = KeyRange::new(wanted.start, wanted.start.saturating_add(unit)).intersect(here);
    let block = dense_block(active, wanted.start).intersect(here);
    let range = KeyRange::new(ahead.start.min(block.start), ahead.end.max(block.end));
    let size = (range.end - wanted.start).clamp(PAGE, HUGE);
    vma.set_last_copy(range.end | u64::from(size.ilog2()));
    range
}

/// Returns the largest aligned block around an address of which enough is our own already.
fn dense_block(active: &Active, addr: u64) -> KeyRange {
    let mut block = KeyRange::new(addr, addr + PAGE);
    let mut len = PAGE;
    while len < DENSE_MAX {
        len *= 4;
        let start = addr & !(len - 1);
        let larger = KeyRange::new(start, start.saturating_add(len));
        let own: u64 = active
            .pmas
            .iter_in(larger)
            .filter(|(_, pma)| pma.private && !pma.need_cow)
            .map(|(held, _)| held.intersect(larger).len())
            .sum();
        if own >= (len / DENSE).max(PAGE) {
            block = larger;
        }
    }
    block
}

/// Returns how many bytes to copy at the start of `wanted`: what was asked for at least, and twice
/// as much as the last time when this continues there. The hint of the vma holds where the last
/// copy ended, and in the bits below a page the logarithm of its size.
fn next_unit(vma: &Vma, wanted: KeyRange) -> u64 {
    let last = vma.last_copy();
    let grown = if PAGE_SIZE.round_down(last) == wanted.start && last != 0 {
        (2u64 << PAGE_SIZE.offset(last).min(u64::from(HUGE.ilog2()))).min(HUGE)
    } else {
        PAGE
    };
    grown.max(wanted.len())
}

/// Copies whole pages; returns how many bytes, at least one page.
pub(crate) fn copy_pages(
    from: &dyn File,
    source: FileRange,
    to: &dyn File,
    destination: FileRange,
) -> Result<u64, FaultKind> {
    let mut done = 0;
    let mut fault = FaultKind::Bus;
    while done < source.len() {
        let rest = |range: FileRange| FileRange::new(range.start + done, range.end);
        let blocks =
            from.source(rest(source)).and_then(|src| Ok((src, to.destination(rest(destination))?)));
        let Ok((src, dst)) = blocks else { break };
        match safecopy::copy(dst, src) {
            Ok(0) => break,
            Ok(copied) => done += copied as u64,
            Err(partial) => {
                done += partial.done as u64;
                fault = partial.cause.kind;
                break;
            }
        }
    }
    match PAGE_SIZE.round_down(done) {
        0 => Err(if fault == FaultKind::NoMemory { fault } else { FaultKind::Bus }),
        whole => Ok(whole),
    }
}
