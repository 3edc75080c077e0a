//! The memfd, and our one mapping of it.
#![expect(unsafe_code, reason = "maps the file and makes blocks of the mapping")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr;

use memmap::FileRange;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Errno as HostErrno;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::process::Resource;
use safecopy::{DstBlock, SrcBlock};
use usermem_types::{Errno, PageSize};

use crate::MemoryFileError;

/// The smallest reservation that is tried.
const MIN_RESERVATION: u64 = 1 << 26;

/// The most bytes of a piece.
pub(crate) const PIECE: usize = 64 << 10;

/// A memfd, and a mapping of its first `reserved` bytes and a [`PIECE`] more, shared and writable.
///
/// The mapping reaches beyond the end of the file; touching that part faults until the file has
/// grown over it, which it never does over the last piece: a piece that starts in the file lies in the
/// mapping.
#[derive(Debug)]
pub(crate) struct Region {
    fd: OwnedFd,
    /// Invariant: the start of a mapping of `fd` of `reserved` bytes and a piece, which this value owns
    /// and which holds no Rust object.
    base: *mut u8,
    reserved: u64,
}

// SAFETY: the pointer is the address of a mapping that belongs to the process, not to a thread;
// the memory behind it is only touched through `safecopy`, which allows for other writers.
unsafe impl Send for Region {}

// SAFETY: as for `Send`; no method changes the fields.
unsafe impl Sync for Region {}

impl Region {
    /// Creates an empty file and maps it, with as much of `reservation` as the host grants, if possible
    /// at a multiple of `align`, a power of two.
    pub(crate) fn new(reservation: u64, align: u64) -> Result<Self, MemoryFileError> {
        let limit = rustix::process::getrlimit(Resource::Fsize).current;
        let mut reserved = within_file_size_limit(reservation.max(MIN_RESERVATION), limit)?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("usermem", flags)
            .map_err(|error| MemoryFileError::Create(errno(error)))?;
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::SEAL)
            .map_err(|error| MemoryFileError::Seal(errno(error)))?;
        loop {
            match map_shared(fd.as_fd(), reserved.saturating_add(PIECE as u64), align) {
                Ok(base) => return Ok(Self { fd, base, reserved }),
                Err(_) if reserved / 2 >= MIN_RESERVATION => reserved /= 2,
                Err(error) => return Err(MemoryFileError::Reserve(error)),
            }
        }
    }

    /// Returns the most bytes that the file may hold.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Returns the descriptor of the file.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Makes the file `size` bytes long; never shorter than it is.
    pub(crate) fn grow(&self, size: u64) -> Result<(), Errno> {
        rustix::fs::ftruncate(&self.fd, size).map_err(errno)
    }

    /// Returns the bytes of memory behind the file.
    pub(crate) fn committed_bytes(&self) -> u64 {
        rustix::fs::fstat(&self.fd).map_or(0, |stat| stat.st_blocks.cast_unsigned() * 512)
    }

    /// Gives the memory of a range back to the host; it reads as zero afterwards.
    pub(crate) fn punch(&self, range: FileRange) -> Result<(), Errno> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&self.fd, flags, range.start, range.len()).map_err(errno)
    }

    /// Makes pages that nobody else sees read as zero, and gives their memory back where the host
    /// lets us.
    pub(crate) fn release(&self, range: FileRange) -> Result<(), Errno> {
        self.punch(range)
            .or_else(|errno| safecopy::zero(self.destination(range)).map(|_| ()).map_err(|_| errno))
    }

    /// Puts memory behind every page of a range.
    pub(crate) fn populate(&self, range: FileRange) -> Result<(), Errno> {
        let block = self.destination(range);
        // SAFETY: the block lies in our own mapping, and populating changes no byte of it.
        let populated = unsafe {
            rustix::mm::madvise(block.as_ptr().cast(), block.len(), Advice::LinuxPopulateWrite)
        };
        match populated {
            Ok(()) => Ok(()),
            // Linux before 5.14 does not know the advice.
            Err(HostErrno::INVAL) => self.touch(range),
            Err(_) => Err(Errno::ENOMEM),
        }
    }

    /// Reads a byte of every page of a range, which puts memory behind it.
    fn touch(&self, range: FileRange) -> Result<(), Errno> {
        range.pieces(rustix::param::page_size() as u64).try_for_each(|page| {
            let byte = self.source(page).take_first(1);
            let copied = safecopy::copy(DstBlock::from_slice(&mut [0]), byte);
            copied.map(drop).map_err(|_| Errno::ENOMEM)
        })
    }

    /// Has the host make huge pages of the pages of a range, which are whole huge pages; contents stay.
    ///
    /// # Errors
    /// The host's: `EINVAL` where it does not do that, or no page of one has memory.
    pub(crate) fn collapse(&self, range: FileRange) -> Result<(), Errno> {
        let (ptr, len) = self.locate(range);
        // SAFETY: by `locate` the range lies in our mapping, and no byte of it changes.
        let result = unsafe { libc::madvise(ptr.cast(), len, libc::MADV_COLLAPSE) };
        if result == 0 { Ok(()) } else { Err(last_errno()) }
    }

    /// Tells which pages of a range the file has memory for: one byte for each, 1 or 0.
    ///
    /// The host looks at the file where our mapping shows nothing, so it does not matter who
    /// touched a page, and nothing is touched by asking.
    pub(crate) fn residency(&self, range: FileRange, present: &mut [u8]) {
        let (ptr, len) = self.locate(range);
        assert_eq!(
            present.len(),
            len.div_ceil(rustix::param::page_size()),
            "our own invariant: there is a byte for each page"
        );
        // SAFETY: 1. by `locate` the range lies in our mapping; the host does not access it. 2. it
        // writes a byte for each page, and `present` was checked to be as long.
        let result = unsafe { libc::mincore(ptr.cast(), len, present.as_mut_ptr()) };
        if result == 0 {
            // The other bits are reserved.
            present.iter_mut().for_each(|page| *page &= 1);
        } else {
            present.fill(1);
        }
    }

    /// Returns the memory of a range, for reading.
    #[inline(always)]
    pub(crate) fn source(&self, range: FileRange) -> SrcBlock<'_> {
        let (ptr, len) = self.locate(range);
        // SAFETY: 1. by `locate` the block lies in our mapping, which holds no Rust object and
        // stays for as long as `self` is borrowed; no reference to its memory is ever made.
        unsafe { SrcBlock::from_raw(ptr, len) }
    }

    /// Returns the memory of a range, for writing.
    #[inline(always)]
    pub(crate) fn destination(&self, range: FileRange) -> DstBlock<'_> {
        let (ptr, len) = self.locate(range);
        // SAFETY: 1. by `locate` the block lies in our mapping, which holds no Rust object and
        // stays for as long as `self` is borrowed; no reference to its memory is ever made.
        unsafe { DstBlock::from_raw(ptr, len) }
    }

    /// Returns the memory of a piece, for reading.
    #[inline(always)]
    pub(crate) fn source_piece(&self, start: u64, len: usize) -> SrcBlock<'_> {
        let ptr = self.locate_piece(start, len);
        // SAFETY: 1. by `locate_piece` the block lies in our mapping, which holds no Rust object and
        // stays for as long as `self` is borrowed; no reference to its memory is ever made.
        unsafe { SrcBlock::from_raw(ptr, len) }
    }

    /// Returns the memory of a piece, for writing.
    #[inline(always)]
    pub(crate) fn destination_piece(&self, start: u64, len: usize) -> DstBlock<'_> {
        let ptr = self.locate_piece(start, len);
        // SAFETY: 1. by `locate_piece` the block lies in our mapping, which holds no Rust object and
        // stays for as long as `self` is borrowed; no reference to its memory is ever made.
        unsafe { DstBlock::from_raw(ptr, len) }
    }

    /// Returns where a piece lies in the mapping: one comparison, where the length is known.
    #[inline(always)]
    fn locate_piece(&self, start: u64, len: usize) -> *mut u8 {
        assert!(
            start < self.reserved && len <= PIECE,
            "our own invariant: pieces of the memory file start in its reservation, and are short"
        );
        // The cast loses no bits: the mapping, whose length is a `usize`, reaches further.
        let ptr = self.base.wrapping_add(start as usize);
        // SAFETY: the mapping reaches a piece beyond `reserved`, so all of this one lies in it; and no
        // mapping ends above the highest address.
        unsafe { std::hint::assert_unchecked(ptr.addr().checked_add(len).is_some()) };
        ptr
    }

    /// Returns where a range lies in the mapping, and its length.
    #[inline(always)]
    fn locate(&self, range: FileRange) -> (*mut u8, usize) {
        assert!(
            range.start <= range.end && range.end <= self.reserved,
            "our own invariant: ranges of the memory file lie in its reservation"
        );
        // Neither cast loses bits: the mapping, whose length is a `usize`, holds the range.
        (self.base.wrapping_add(range.start as usize), range.len() as usize)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: 1. the mapping is ours, and every block of it borrowed `self`, so none is left.
        unsafe { unmap(self.base, self.reserved as usize + PIECE) };
    }
}

/// Cuts a reservation to what a file may hold. Growing a file beyond its limit would end the
/// process with a signal.
fn within_file_size_limit(wanted: u64, limit: Option<u64>) -> Result<u64, MemoryFileError> {
    match limit {
        Some(limit) if limit < MIN_RESERVATION => Err(MemoryFileError::FileSizeLimit(limit)),
        Some(limit) => Ok(PageSize::K64.round_down(wanted.min(limit))),
        None => Ok(wanted),
    }
}

/// How often another thread may take the place that was found.
const TRIES: usize = 8;

/// Maps the first `len` bytes of a file, wherever the host has room: at a multiple of `align`, a power of
/// two, if there is room for that, and unless other threads take every place.
fn map_shared(fd: BorrowedFd<'_>, len: u64, align: u64) -> Result<*mut u8, Errno> {
    let usize_of = |bytes| usize::try_from(bytes).map_err(|_| Errno::ENOMEM);
    let (len, align) = (usize_of(len)?, usize_of(align)?);
    for _ in 0..TRIES {
        let Some(hint) = find_room(len, align) else { break };
        let base = map_near(fd, len, hint)?;
        if base.addr().is_multiple_of(align) {
            return Ok(base);
        }
        // SAFETY: 1. the mapping was just made, and nobody else knows it.
        unsafe { unmap(base, len) };
    }
    map_near(fd, len, ptr::null_mut())
}

/// Finds an address that is a multiple of `align`, a power of two, with `len` free bytes behind it. Nothing
/// stays mapped: more than one mapping may not be to be had.
fn find_room(len: usize, align: usize) -> Option<*mut u8> {
    let room = len.checked_add(align)?;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a new mapping that is not fixed replaces nothing.
    let start = unsafe {
        rustix::mm::mmap_anonymous(ptr::null_mut(), room, ProtFlags::empty(), flags).ok()?
    };
    let start = start.cast::<u8>();
    // SAFETY: 1. the mapping was just made, and nobody else knows it.
    unsafe { unmap(start, room) };
    Some(start.map_addr(|addr| addr.next_multiple_of(align)))
}

/// Unmaps a mapping.
///
/// # Safety
/// 1. All of the `len` bytes at `start` are mapped by the caller, and nobody uses them any more.
unsafe fn unmap(start: *mut u8, len: usize) {
    // SAFETY: is 1.
    let unmapped = unsafe { rustix::mm::munmap(start.cast(), len) };
    debug_assert!(unmapped.is_ok(), "our own invariant: what was mapped can be unmapped");
}

/// Maps the first `len` bytes of a file at an address, if that is free, or elsewhere.
fn map_near(fd: BorrowedFd<'_>, len: usize, hint: *mut u8) -> Result<*mut u8, Errno> {
    let prot = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::SHARED | MapFlags::NORESERVE;
    // SAFETY: a new mapping that is not fixed replaces nothing.
    let base = unsafe { rustix::mm::mmap(hint.cast(), len, prot, flags, fd, 0) };
    base.map(<*mut core::ffi::c_void>::cast).map_err(errno)
}

fn last_errno() -> Errno {
    Errno::from_raw(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

/// Returns a host error as ours.
fn errno(error: HostErrno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_has_memory() {
        const PAGE: u64 = 4096;
        let region = Region::new(1 << 26, 2 << 20).unwrap();
        region.grow(8 * PAGE).unwrap();
        region.touch(FileRange::new(2 * PAGE, 5 * PAGE)).unwrap();
        let mut present = [7; 9];
        region.residency(FileRange::new(0, 9 * PAGE), &mut present);
        assert_eq!(present, [0, 0, 1, 1, 1, 0, 0, 0, 0]);
    }

    /// The host proposes the highest place that fits, so a reservation of its size alone would never
    /// leave this one.
    #[test]
    fn a_place_that_just_fits_is_not_taken_unaligned() {
        const ALIGN: usize = 2 << 20;
        let len = MIN_RESERVATION as usize + PIECE;
        let file = Region::new(MIN_RESERVATION, 1).unwrap();
        for pages in 1..4 {
            let page = rustix::param::page_size();
            let room = len + 2 * ALIGN;
            let around = map_near(file.fd(), room, ptr::null_mut()).unwrap();
            let boundary = around.map_addr(|addr| addr.next_multiple_of(ALIGN));
            let hole = boundary.wrapping_add(pages * page);
            // SAFETY: the hole lies in the mapping that was just made, and nobody else knows it.
            unsafe { rustix::mm::munmap(hole.cast(), len) }.unwrap();
            let base = map_shared(file.fd(), len as u64, ALIGN as u64).unwrap();
            assert_eq!(base.addr() % ALIGN, 0, "{base:p} in a hole at {hole:p}");
            let end = hole.wrapping_add(len);
            let above = room - (end.addr() - around.addr());
            for (start, len) in [(around, hole.addr() - around.addr()), (end, above), (base, len)] {
                // SAFETY: these are what is left of the mappings above, which nobody else knows.
                unsafe { rustix::mm::munmap(start.cast(), len) }.unwrap();
            }
        }
    }

    #[test]
    fn the_file_size_limit_bounds_the_reservation() {
        assert_eq!(within_file_size_limit(1 << 42, None), Ok(1 << 42));
        assert_eq!(within_file_size_limit(1 << 42, Some(u64::MAX)), Ok(1 << 42));
        assert_eq!(within_file_size_limit(1 << 42, Some((1 << 30) + 1024)), Ok(1 << 30));
        let refused = Err(MemoryFileError::FileSizeLimit(1 << 20));
        assert_eq!(within_file_size_limit(1 << 42, Some(1 << 20)), refused);
    }
}
