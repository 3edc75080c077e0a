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

impl MemoryManager {
    /// Makes the pages at the start of `wanted`, which lie in the pma that covers `here`, this
    /// memory manager's own and writable.
    pub(crate) fn break_cow(
        &self,
        active: &mut Active,
        here: KeyRange,
        wanted: KeyRange,
        (_, vma): (KeyRange, &Vma),
        detached: &mut Detached<'_>,
    ) -> Result<Step, FaultKind> {
        let unit = next_unit(vma, wanted);
        let range = KeyRange::new(wanted.start, wanted.start.saturating_add(unit)).intersect(here);
        let (held, pma) = active.pmas.get(wanted.start).ok_or(FaultKind::Unmapped)?;
        let pages = pma.pages(held, range);
        if pma.private && pma.file.file().has_unique_ref(pages) {
            // Nobody else has them any more.
            active.pmas.edit(range, |_, pma| {
                pma.need_cow = false;
                pma.set_accesses(vma);
            });
            return Ok(Step::Changed(range));
        }
        let opts = AllocOpts { commit: Commit::CallerOverwrites, ..AllocOpts::default() };
        let mut copy = self.allocate_near(active, range, opts)?;
        let copied = copy_pages(&**pma.file.file(), pages, &**copy.file(), copy.range())?;
        if copied < range.len() {
            drop(copy.split_off(copied));
        }
        let range = KeyRange::new(range.start, range.start + copied);
        vma.swap_last_fault(range.end | u64::from(unit.ilog2()));
        active.pmas.remove_range(range, |part, pma| detached.add(part, pma.file));
        active.insert(range, Pma::private(copy, vma));
        Ok(Step::Changed(range))
    }
}

/// Returns how many bytes to copy at the start of `wanted`: what was asked for at least, and twice
/// as much as the last time when this continues there. The hint of the vma holds where the last
/// copy ended, and in the bits below a page the logarithm of its size.
fn next_unit(vma: &Vma, wanted: KeyRange) -> u64 {
    let last = vma.swap_last_fault(0);
    if vma.real.execute() {
        return wanted.len();
    }
    let grown = if PAGE_SIZE.round_down(last) == wanted.start && last != 0 {
        (2u64 << PAGE_SIZE.offset(last).min(u64::from(HUGE.ilog2()))).min(HUGE)
    } else {
        PAGE
    };
    grown.max(wanted.len())
}

/// Copies whole pages; returns how many bytes, at least one page.
fn copy_pages(
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
