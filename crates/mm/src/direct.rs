//! Copying through the address space itself.

use memmap::AddressSpaceIo;
use rangeset::KeyRange;
use usermem_io::IoOpts;
use usermem_types::{AccessType, Addr, AddrRange, AddrRangeSeq, Fault, Transfer};

use crate::MemoryManager;
use crate::fault::to_show;
use crate::range::{PAGE, PAGE_SIZE, keys};

/// The most bytes of one copy that take this way. What it saves, a lock and a search, is nothing
/// beside a longer one.
const MOST: u64 = 64 << 10;

impl MemoryManager {
    /// Moves a prefix of a range by `copy`, which is given where to go on and how much was moved
    /// before, and returns how many bytes. Everything else, and every reason to stop, is for the
    /// usual way: this one changes nothing but speed, and when pages are made present: one by one,
    /// as the hardware would, where the usual way has all of them before the first byte moves. A
    /// copy that overwrites what it is yet to make a private copy of can tell.
    pub(crate) fn direct(
        &self,
        range: AddrRange,
        access: AccessType,
        opts: IoOpts,
        mut copy: impl FnMut(&dyn AddressSpaceIo, Addr, usize) -> Transfer,
    ) -> usize {
        let Some(io) = self.direct_io(opts).filter(|_| range.len() <= MOST) else { return 0 };
        let mut done = 0;
        let mut last = None;
        loop {
            let rest = range.drop_first(done as u64);
            match copy(io, rest.start(), done) {
                Ok(moved) => return done + moved,
                Err(partial) => {
                    done += partial.done;
                    let rest = range.drop_first(done as u64);
                    if last == Some(done) || !self.show_for(rest, access) {
                        return done;
                    }
                    last = Some(done);
                }
            }
        }
    }

    /// Runs an access to a word; `None` leaves it to the usual way.
    pub(crate) fn direct_word<W>(
        &self,
        word: AddrRange,
        access: AccessType,
        opts: IoOpts,
        run: impl Fn(&dyn AddressSpaceIo, Addr) -> Result<W, Fault>,
    ) -> Option<W> {
        let io = self.direct_io(opts)?;
        let again = |_| self.show_for(word, access).then(|| run(io, word.start()).ok()).flatten();
        run(io, word.start()).map_or_else(again, Some)
    }

    /// Returns the address space's own way, which knows no protections but the program's.
    fn direct_io(&self, opts: IoOpts) -> Option<&dyn AddressSpaceIo> {
        if opts.ignore_permissions { None } else { self.space.io() }
    }

    /// Makes what it can of `range` present, and shows its first page with what is around. Returns
    /// whether there is anything to show.
    fn show_for(&self, range: AddrRange, access: AccessType) -> bool {
        let Ok(ranges) = AddrRangeSeq::of(range) else { return false };
        let (active, prefix) = self.prepare(ranges, access, IoOpts::CHECKED);
        if prefix.len == 0 {
            return false;
        }
        let page = PAGE_SIZE.round_down(keys(range).start);
        let page = KeyRange::new(page, page + PAGE);
        // No pma of the prefix can go while `active` is locked, so nothing stale is shown.
        self.show(&active, to_show(&active, page, KeyRange::new(0, 0)), false).is_ok()
    }
}
