//! Futexes that processes share, in files of memory.

use kernel_task::{CurrentTask, FutexError, futex_key};
use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MmapFlags, MmapRequest, SharedFutexKey};
use usermem_types::{AccessType, Addr, Errno};

use crate::fixture::Fixture;

const O_RDWR: u32 = 2;

fn key(task: &CurrentTask, addr: u64) -> Result<SharedFutexKey, FutexError> {
    task.shared_futex_key(futex_key(Addr::new(addr))?)
}

#[test]
fn a_page_of_a_file_has_one_key_wherever_it_is_mapped() {
    let fixture = Fixture::new(&[0xcc]);
    let (task, memory) = (&fixture.task, fixture.task.task().memory_manager());
    let limit = MemoryFile::new(MemoryFileOptions::default()).unwrap();
    let file = hostfs::memfd(b"words", 0, limit).unwrap();
    file.truncate(8192).unwrap();
    let map = |addr, offset, flags| {
        let request = MmapRequest {
            addr: Addr::new(addr),
            len: 4096,
            access: AccessType::READ_WRITE,
            max_access: AccessType::ALL,
            flags: flags | MmapFlags::FIXED,
            offset,
            object: Some(file.mapped_object().unwrap()),
        };
        assert_eq!(memory.mmap(request), Ok(Addr::new(addr)));
    };
    map(0x10_0000, 4096, MmapFlags::SHARED);
    map(0x20_0000, 4096, MmapFlags::SHARED);
    map(0x30_0000, 0, MmapFlags::SHARED);
    map(0x40_0000, 4096, MmapFlags::PRIVATE);
    // The same file, opened anew.
    let again = file.reopen(O_RDWR).unwrap().mapped_object().unwrap();
    let request = MmapRequest {
        addr: Addr::new(0x50_0000),
        len: 8192,
        access: AccessType::READ,
        max_access: AccessType::READ,
        flags: MmapFlags::SHARED | MmapFlags::FIXED,
        offset: 0,
        object: Some(again),
    };
    assert_eq!(memory.mmap(request), Ok(Addr::new(0x50_0000)));

    let first = key(task, 0x10_0010).unwrap();
    assert_eq!(first, key(task, 0x20_0010).unwrap());
    assert_eq!(first, key(task, 0x50_1010).unwrap());
    assert_ne!(first, key(task, 0x20_0014).unwrap());
    assert_ne!(first, key(task, 0x30_0010).unwrap());
    let own = key(task, 0x40_0010).unwrap();
    assert_eq!(own, SharedFutexKey::Private(Addr::new(0x40_0010)));
    assert_eq!(key(task, 0x10_0011).unwrap_err().errno(), Errno::EINVAL);
    assert_eq!(key(task, 0x60_0000).unwrap_err().errno(), Errno::EFAULT);
}
