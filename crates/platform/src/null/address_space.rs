//! An address space that only remembers what was mapped.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use memmap::{AddressSpace, File, FileRange};
use parking_lot::Mutex;
use rangeset::{KeyRange, RangeMap, Segment};
use usermem_types::{AccessType, Addr, AddrRange, Errno, PageSize};

/// An address space that only remembers what was mapped.
///
/// Each piece keeps a duplicate of its file's descriptor, so that [`SoftCpu`](crate::SoftCpu) reaches
/// the bytes as a host mapping would, whatever becomes of the file's references.
#[derive(Debug, Default)]
pub struct NullAddressSpace {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pieces: RangeMap<Piece>,
    /// One duplicate for every file and open mode ever mapped.
    descriptors: BTreeMap<FileKey, Arc<OwnedFd>>,
}

/// Device, inode and open mode.
type FileKey = (u64, u64, u32);

#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) fd: Arc<OwnedFd>,
    pub(super) offset: u64,
    pub(super) access: AccessType,
}

/// What is recorded at one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NullMapping {
    /// The offset into the file of the page that holds the address.
    pub offset: u64,
    /// What the mapping allows.
    pub access: AccessType,
}

impl NullAddressSpace {
    /// Creates an empty address space.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what is recorded at an address.
    #[must_use]
    pub fn mapping(&self, addr: Addr) -> Option<NullMapping> {
        let page = addr.round_down(PageSize::K4).get();
        let (start, piece) = self.piece(page)?;
        Some(NullMapping { offset: piece.offset + (page - start), access: piece.access })
    }

    /// Returns how many bytes are mapped.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        self.state.lock().pieces.span()
    }

    /// Returns the piece that holds an address, and where it starts.
    pub(super) fn piece(&self, addr: u64) -> Option<(u64, Piece)> {
        let state = self.state.lock();
        let (range, piece) = state.pieces.get(addr)?;
        Some((range.start, piece.clone()))
    }
}

impl State {
    /// Removes everything in `range`, cutting the pieces that reach out of it.
    fn carve(&mut self, range: AddrRange) {
        self.pieces.remove_range(key(range), |_, _| {});
    }

    fn descriptor(&mut self, file: &dyn File) -> Result<Arc<OwnedFd>, Errno> {
        let stat = rustix::fs::fstat(file.fd()).map_err(errno)?;
        let mode = rustix::fs::fcntl_getfl(file.fd()).map_err(errno)? & rustix::fs::OFlags::ACCMODE;
        let key = (stat.st_dev, stat.st_ino, mode.bits());
        if let Some(fd) = self.descriptors.get(&key) {
            return Ok(Arc::clone(fd));
        }
        let fd = Arc::new(rustix::io::fcntl_dupfd_cloexec(file.fd(), 0).map_err(errno)?);
        self.descriptors.insert(key, Arc::clone(&fd));
        Ok(fd)
    }
}

/// Each piece is one mapping, and stays that.
impl Segment for Piece {
    fn can_merge(&self, _: KeyRange, _: &Self, _: KeyRange) -> bool {
        false
    }

    fn merge(&mut self, _: KeyRange, _: Self, _: KeyRange) {}

    fn split_off(&mut self, range: KeyRange, at: u64) -> Self {
        Self { offset: self.offset + (at - range.start), ..self.clone() }
    }
}

fn key(range: AddrRange) -> KeyRange {
    KeyRange::new(range.start().get(), range.end().get())
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

impl AddressSpace for NullAddressSpace {
    fn map_file(
        &self,
        addr: Addr,
        file: &dyn File,
        range: FileRange,
        access: AccessType,
        _populate: bool,
    ) -> Result<(), Errno> {
        let target = addr.to_range(range.len()).ok_or(Errno::EINVAL)?;
        let aligned = target.is_page_aligned(PageSize::K4) && PageSize::K4.is_aligned(range.start);
        if !aligned || target.is_empty() || !self.user_range().is_superset_of(target) {
            return Err(Errno::EINVAL);
        }
        let mut state = self.state.lock();
        state.carve(target);
        let fd = state.descriptor(file)?;
        state.pieces.insert(key(target), Piece { fd, offset: range.start, access });
        Ok(())
    }

    fn unmap(&self, range: AddrRange) {
        assert!(range.is_page_aligned(PageSize::K4), "unmapping part of a page");
        if !range.is_empty() {
            self.state.lock().carve(range);
        }
    }

    fn user_range(&self) -> AddrRange {
        AddrRange::new(Addr::new(0x1_0000), Addr::new(0x7fff_ffff_f000))
            .expect("our own invariant: a constant range")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_file::TestFile;

    #[track_caller]
    fn range(start: u64, end: u64) -> AddrRange {
        AddrRange::new(Addr::new(start), Addr::new(end)).unwrap()
    }

    /// The recorded mappings agree, page by page, with a table that has one entry for each page.
    #[test]
    fn pieces_agree_with_a_table_of_pages() {
        const BASE: u64 = 0x10_0000;
        let file = TestFile::new(64);
        let space = NullAddressSpace::new();
        let mut model: BTreeMap<u64, NullMapping> = BTreeMap::new();
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = |bound: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % bound
        };
        for step in 0..3000 {
            let page = random(32);
            let count = 1 + random(8);
            let start = BASE + page * 4096;
            if random(3) == 0 {
                space.unmap(range(start, start + count * 4096));
                model.retain(|at, _| *at < page || *at >= page + count);
            } else {
                let offset = random(32) * 4096;
                let access = AccessType::from_prot(u32::try_from(random(8)).unwrap());
                let at = FileRange::new(offset, offset + count * 4096);
                space.map_file(Addr::new(start), &file, at, access, false).unwrap();
                for index in 0..count {
                    let mapping = NullMapping { offset: offset + index * 4096, access };
                    model.insert(page + index, mapping);
                }
            }
            for page in 0..48 {
                let addr = Addr::new(BASE + page * 4096 + 77);
                assert_eq!(space.mapping(addr), model.get(&page).copied(), "step {step}");
            }
            assert_eq!(space.mapped_bytes(), 4096 * u64::try_from(model.len()).unwrap());
        }
        assert_eq!(space.state.lock().descriptors.len(), 1);
    }

    #[test]
    fn bad_ranges_are_refused() {
        let file = TestFile::new(1);
        let space = NullAddressSpace::new();
        let page = FileRange::new(0, 4096);
        for addr in [0, 0xf000, 0x10001, 0x7fff_ffff_f000, 0xffff_8000_0000_0000, u64::MAX - 4095] {
            let result = space.map_file(Addr::new(addr), &file, page, AccessType::READ, false);
            assert_eq!(result, Err(Errno::EINVAL), "{addr:#x}");
        }
        assert_eq!(space.mapped_bytes(), 0);
    }
}
