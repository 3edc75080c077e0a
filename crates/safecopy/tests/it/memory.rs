//! Memory with an edge.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use safecopy::{BackEnd, DstBlock, SrcBlock};
use usermem_types::FaultKind;

pub(crate) const PAGE: usize = 4096;

/// What lies behind an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    Nothing,
    NoAccess,
    ReadOnly,
    EndOfFile,
    /// The file ended later when it was mapped, and the pages had been used.
    Truncated,
}

impl Beyond {
    pub(crate) const UNREADABLE: [Self; 4] =
        [Self::Nothing, Self::NoAccess, Self::EndOfFile, Self::Truncated];
    pub(crate) const UNWRITABLE: [Self; 5] =
        [Self::Nothing, Self::NoAccess, Self::ReadOnly, Self::EndOfFile, Self::Truncated];

    pub(crate) fn kind(self) -> FaultKind {
        match self {
            Self::Nothing => FaultKind::Unmapped,
            Self::NoAccess | Self::ReadOnly => FaultKind::Protection,
            Self::EndOfFile | Self::Truncated => FaultKind::Bus,
        }
    }
}

/// Two pages that may be read and written, and two that an edge cuts off.
pub(crate) struct Edge {
    base: *mut u8,
    file: File,
}

// SAFETY: a mapping belongs to the whole process.
unsafe impl Send for Edge {}
// SAFETY: it is only accessed in ways that other threads may disturb.
unsafe impl Sync for Edge {}

impl Edge {
    pub(crate) const GOOD: usize = 2 * PAGE;
    const ALL: usize = 4 * PAGE;

    pub(crate) fn new(beyond: Beyond) -> Self {
        safecopy::init().expect("the handler can be installed");
        let file = memfd();
        let len = if beyond == Beyond::EndOfFile { Self::GOOD } else { Self::ALL };
        file.set_len(len as u64).expect("the file can grow");
        // Far from where the kernel puts what other threads map, so that a hole stays one; and
        // from where AddressSanitizer keeps its shadow.
        static NEXT: AtomicUsize = AtomicUsize::new(0x2000_0000_0000);
        let addr = NEXT.fetch_add(2 * Self::ALL, Ordering::Relaxed);
        // SAFETY: the call fails where something is.
        let base = unsafe {
            libc::mmap(
                std::ptr::without_provenance_mut(addr),
                Self::ALL,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED);
        let this = Self { base: base.cast(), file };
        match beyond {
            Beyond::EndOfFile => {}
            Beyond::Truncated => {
                for page in [0, PAGE] {
                    let word = this.dst(0, page + 8).drop_first(page);
                    assert_eq!(safecopy::atomic::swap(word, 1_u64), Ok(0));
                }
                this.set_file_len(Self::GOOD);
            }
            Beyond::NoAccess => this.protect_beyond(libc::PROT_NONE),
            Beyond::ReadOnly => this.protect_beyond(libc::PROT_READ),
            Beyond::Nothing => {
                // SAFETY: the two pages are ours, and nothing uses them.
                let result = unsafe { libc::munmap(this.edge_ptr().cast(), 2 * PAGE) };
                assert_eq!(result, 0);
            }
        }
        this
    }

    /// Returns bytes of the file, wherever they are mapped.
    pub(crate) fn load(&self, offset: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, offset as u64).expect("the file is that long");
        bytes
    }

    /// Stores bytes in the file.
    pub(crate) fn store(&self, offset: usize, bytes: &[u8]) {
        self.file.write_all_at(bytes, offset as u64).expect("the file can be written");
    }

    /// Cuts the file off, or extends it with zeroes.
    pub(crate) fn set_file_len(&self, len: usize) {
        self.file.set_len(len as u64).expect("the file can change its length");
    }

    /// Maps the first page beyond the edge anew, or takes it away.
    pub(crate) fn map_beyond(&self, mapped: bool) {
        if !mapped {
            // SAFETY: the page is ours, and no Rust object is in it.
            assert_eq!(unsafe { libc::munmap(self.edge_ptr().cast(), PAGE) }, 0);
            return;
        }
        // SAFETY: nothing is there but what we mapped ourselves.
        let page = unsafe {
            libc::mmap(
                self.edge_ptr().cast(),
                PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_FIXED,
                self.file.as_raw_fd(),
                Self::GOOD as libc::off_t,
            )
        };
        assert_ne!(page, libc::MAP_FAILED);
    }

    pub(crate) fn protect_beyond(&self, protection: i32) {
        // SAFETY: the two pages are ours, and no Rust object is in them.
        let result = unsafe { libc::mprotect(self.edge_ptr().cast(), 2 * PAGE, protection) };
        assert_eq!(result, 0);
    }

    /// Changes the protection of one of the four pages.
    pub(crate) fn protect_page(&self, page: usize, protection: i32) {
        assert!(page < Self::ALL / PAGE);
        let at = self.base.wrapping_add(page * PAGE);
        // SAFETY: the page is ours, and no Rust object is in it.
        let result = unsafe { libc::mprotect(at.cast(), PAGE, protection) };
        assert_eq!(result, 0);
    }

    fn edge_ptr(&self) -> *mut u8 {
        self.base.wrapping_add(Self::GOOD)
    }

    /// The address of the first byte beyond the edge.
    pub(crate) fn addr(&self) -> usize {
        self.edge_ptr().addr()
    }

    /// A block that begins `before` bytes before the edge.
    pub(crate) fn src(&self, before: usize, len: usize) -> SrcBlock<'_> {
        self.dst(before, len).as_source()
    }

    /// A block that begins `before` bytes before the edge.
    pub(crate) fn dst(&self, before: usize, len: usize) -> DstBlock<'_> {
        assert!(before <= Self::GOOD && len <= before + 2 * PAGE);
        // SAFETY: the four pages hold no Rust object.
        unsafe { DstBlock::from_raw(self.edge_ptr().wrapping_sub(before), len) }
    }

    /// Stores the same bytes for the same `seed` before the edge.
    pub(crate) fn fill(&self, seed: u8) {
        let bytes = pattern(Self::GOOD, seed);
        let done = safecopy::copy(self.dst(Self::GOOD, Self::GOOD), SrcBlock::from_slice(&bytes));
        assert_eq!(done, Ok(Self::GOOD));
    }

    /// Returns the last `before` bytes before the edge.
    pub(crate) fn read(&self, before: usize) -> Vec<u8> {
        let mut bytes = vec![0; before];
        let src = self.src(before, before);
        assert_eq!(safecopy::copy(DstBlock::from_slice(&mut bytes), src), Ok(before));
        bytes
    }
}

/// Runs `test` with each back end of this CPU, one test at a time; returns how many there are.
pub(crate) fn with_each_back_end(mut test: impl FnMut(BackEnd)) -> usize {
    static TURN: Mutex<()> = Mutex::new(());
    safecopy::init().expect("the handler can be installed");
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut count = 0;
    for back_end in BackEnd::available() {
        back_end.select();
        test(back_end);
        count += 1;
    }
    BackEnd::AUTOMATIC.select();
    count
}

impl Drop for Edge {
    fn drop(&mut self) {
        // SAFETY: the four pages are ours, and nothing uses them any more.
        let result = unsafe { libc::munmap(self.base.cast(), Self::ALL) };
        assert_eq!(result, 0);
    }
}

pub(crate) fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(167) ^ (at >> 8) as u8 ^ seed).collect()
}

fn memfd() -> File {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"edge".as_ptr(), 0) };
    assert!(fd >= 0);
    // SAFETY: the descriptor is new.
    unsafe { File::from_raw_fd(fd) }
}
