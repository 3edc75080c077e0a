//! A file for tests: the pages of a memfd.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use memmap::{File, FileRange};
use rustix::fs::MemfdFlags;
use safecopy::{DstBlock, SrcBlock};
use usermem_types::Errno;

/// The pages of a memfd, without counts.
#[derive(Debug)]
pub(crate) struct TestFile {
    fd: OwnedFd,
    /// Whether mappings of it may be put off.
    pub(crate) is_always_mapped: bool,
}

impl TestFile {
    pub(crate) fn new(pages: u64) -> Self {
        let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&fd, pages * 4096).unwrap();
        Self { fd, is_always_mapped: false }
    }

    /// Something that cannot be mapped.
    pub(crate) fn folder() -> Self {
        use rustix::fs::{Mode, OFlags, open};
        let fd = open("/", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        Self { fd, is_always_mapped: false }
    }

    /// The same file once more.
    pub(crate) fn of(other: &Self) -> Self {
        Self { fd: other.fd.try_clone().unwrap(), is_always_mapped: other.is_always_mapped }
    }

    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        assert_eq!(rustix::io::pwrite(&self.fd, bytes, offset), Ok(bytes.len()));
    }

    pub(crate) fn read<const N: usize>(&self, offset: u64) -> [u8; N] {
        let mut bytes = [0; N];
        assert_eq!(rustix::io::pread(&self.fd, &mut bytes, offset), Ok(N));
        bytes
    }
}

impl File for TestFile {
    fn inc_ref(&self, _range: FileRange) {}

    fn dec_ref(&self, _range: FileRange) {}

    fn has_unique_ref(&self, _range: FileRange) -> bool {
        true
    }

    fn source(&self, _range: FileRange) -> Result<SrcBlock<'_>, Errno> {
        Err(Errno::ENOSYS)
    }

    fn destination(&self, _range: FileRange) -> Result<DstBlock<'_>, Errno> {
        Err(Errno::ENOSYS)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn is_always_mapped(&self) -> bool {
        self.is_always_mapped
    }
}
