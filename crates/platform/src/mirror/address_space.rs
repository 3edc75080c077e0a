//! An address space that is a window of our own.

use memmap::{AddressSpace, AddressSpaceIo, File, FileRange};
use parking_lot::RwLock;
use rangeset::{KeyRange, RangeMap, Segment};
use usermem_types::{AccessType, Addr, AddrRange, Errno, PageSize};

use super::window::{Hidden, Window};

/// Where applications' addresses begin, as they usually do in Linux.
const START: u64 = 0x1_0000;

/// An address space that is a window of our own process.
///
/// It can be used from any number of threads. Each page of it costs nothing until it is mapped; of
/// the mappings that the host allows a process, all address spaces together have what is left.
///
/// ```
/// use memmap::{AddressSpace, AddressSpaceIo};
/// use platform::mirror::MirrorPlatform;
/// use usermem_types::{Addr, FaultKind};
///
/// let space = MirrorPlatform::new()?.with_window(1 << 20).new_mirror()?;
/// let mut bytes = [0; 8];
/// let partial = space.copy_in(Addr::new(0x2_0000), &mut bytes).unwrap_err();
/// assert_eq!((partial.done, partial.cause.kind), (0, FaultKind::Unmapped));
/// # Ok::<(), platform::PlatformError>(())
/// ```
#[derive(Debug)]
pub struct MirrorAddressSpace {
    pub(super) window: Window,
    user: AddrRange,
    /// What the window shows. Locked for writing while that changes.
    pub(super) shown: RwLock<RangeMap<Shown>>,
    max_pieces: usize,
}

/// What was asked to be allowed in a piece of the window. Pieces are not merged, so that there are
/// at least as many as the host has mappings with pages behind them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown(pub(super) AccessType);

impl MirrorAddressSpace {
    /// Reserves a window of `bytes`, rounded up to whole pages.
    pub(super) fn new(bytes: u64, max_pieces: usize) -> Result<Self, Errno> {
        let bytes = PageSize::K64.round_up(bytes).ok_or(Errno::ENOMEM)?;
        let len = usize::try_from(bytes).map_err(|_| Errno::ENOMEM)?;
        let user = Addr::new(START).to_range(bytes).ok_or(Errno::ENOMEM)?;
        Ok(Self { window: Window::reserve(len)?, user, shown: RwLock::default(), max_pieces })
    }

    /// Returns how many bytes are mapped.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        self.shown.read().span()
    }

    /// Returns what the mapping at an address allows the application, if there is one.
    #[must_use]
    pub fn access(&self, addr: Addr) -> Option<AccessType> {
        self.shown.read().get(addr.get()).map(|(_, shown)| shown.0)
    }

    fn hide_everything(&self, shown: &mut RangeMap<Shown>) {
        let (offset, len) = self.place(self.user);
        self.window.hide(offset, len);
        *shown = RangeMap::default();
    }

    /// Returns the offset into the window of an address inside.
    pub(super) fn offset(&self, addr: Addr) -> usize {
        // Loses no bits: the window's length is a `usize`.
        (addr.get() - self.user.start().get()) as usize
    }

    /// Returns offset and length of a range inside.
    fn place(&self, range: AddrRange) -> (usize, usize) {
        (self.offset(range.start()), range.len() as usize)
    }
}

impl AddressSpace for MirrorAddressSpace {
    fn map_file(
        &self,
        addr: Addr,
        file: &dyn File,
        range: FileRange,
        access: AccessType,
        populate: bool,
    ) -> Result<(), Errno> {
        let target = addr.to_range(range.len()).ok_or(Errno::EINVAL)?;
        let aligned = target.is_page_aligned(PageSize::K4) && PageSize::K4.is_aligned(range.start);
        if !aligned || target.is_empty() || !self.user.is_superset_of(target) {
            return Err(Errno::EINVAL);
        }
        let mut shown = self.shown.write();
        shown.remove_range(keys(target), |_, _| {});
        if shown.len() >= self.max_pieces {
            self.hide_everything(&mut shown);
        }
        let pages = (file.fd(), range.start);
        match self.window.show(self.place(target), pages, access, populate) {
            Ok(()) => {
                shown.insert(keys(target), Shown(access.effective()));
                Ok(())
            }
            Err(refused) => {
                if refused.hidden == Hidden::Everything {
                    *shown = RangeMap::default();
                }
                Err(refused.errno)
            }
        }
    }

    fn unmap(&self, range: AddrRange) {
        assert!(range.is_page_aligned(PageSize::K4), "unmapping part of a page");
        let range = range.intersect(self.user);
        let mut shown = self.shown.write();
        let mut hull: Option<KeyRange> = None;
        shown.remove_range(keys(range), |held, _| {
            hull = Some(KeyRange::new(hull.map_or(held.start, |hull| hull.start), held.end));
        });
        // A cut can leave one piece more; and where nothing is shown there may be the remains of
        // mappings that could only be forbidden.
        if shown.len() > self.max_pieces || range == self.user {
            return self.hide_everything(&mut shown);
        }
        let Some(hull) = hull else { return };
        let hull = AddrRange::new(Addr::new(hull.start), Addr::new(hull.end))
            .expect("our own invariant: a range of keys is well-formed");
        let (offset, len) = self.place(hull);
        if self.window.hide(offset, len) == Hidden::Everything {
            *shown = RangeMap::default();
        }
    }

    fn user_range(&self) -> AddrRange {
        self.user
    }

    fn io(&self) -> Option<&dyn AddressSpaceIo> {
        Some(self)
    }
}

/// Returns a range of addresses as keys.
pub(super) fn keys(range: AddrRange) -> KeyRange {
    KeyRange::new(range.start().get(), range.end().get())
}

impl Segment for Shown {
    fn can_merge(&self, _: KeyRange, _: &Self, _: KeyRange) -> bool {
        false
    }

    fn merge(&mut self, _: KeyRange, _: Self, _: KeyRange) {}

    fn split_off(&mut self, _: KeyRange, _: u64) -> Self {
        *self
    }
}
