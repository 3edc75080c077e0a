//! A task whose program is a few instructions in a file of a temporary directory.

use std::io::Write;
use std::sync::Arc;

use hostfs::Namespace;
use kernel_task::{
    Credentials, CurrentTask, FdTable, RLimit, ResourceLimits, ShmRegistry, Task, TaskParts,
};
use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MemoryManager, MmapFlags, MmapRequest};
use platform::ptrace::PtracePlatform;
use platform::{Platform, Registers};
use usermem_types::{AccessType, Addr};

/// Where the code is mapped.
pub(crate) const CODE: Addr = Addr::new(0x40_0000);

/// A task, and the directory that holds its program.
pub(crate) struct Fixture {
    pub(crate) task: CurrentTask,
    pub(crate) directory: tempfile::TempDir,
}

impl Fixture {
    /// Maps `code`, privately and read-execute only, from a file, and points the task at it.
    pub(crate) fn new(code: &[u8]) -> Self {
        safecopy::init().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(directory.path().join("code")).unwrap();
        file.write_all(code).unwrap();
        let namespace = Arc::new(Namespace::new(directory.path(), &[]).unwrap());
        let cwd = namespace.root_directory().unwrap();
        let platform = PtracePlatform::new().unwrap();
        let space = platform.new_address_space().unwrap();
        let memory_file = MemoryFile::new(MemoryFileOptions::default()).unwrap();
        let memory = MemoryManager::new(Arc::clone(&space), Arc::clone(&memory_file));
        let program = namespace.open(&*cwd, b"/code", 0, 0).unwrap();
        let mapped = memory.mmap(MmapRequest {
            addr: CODE,
            len: 4096,
            access: AccessType::READ_EXECUTE,
            max_access: AccessType::ALL,
            flags: MmapFlags::PRIVATE | MmapFlags::FIXED,
            offset: 0,
            object: Some(program.mapped_object().unwrap()),
        });
        assert_eq!(mapped, Ok(CODE));
        let mut context = platform.new_context(&space).unwrap();
        context.set_registers(&Registers { pc: CODE.get(), ..Registers::default() }).unwrap();
        let task = Task::new(TaskParts {
            pid: 7,
            ppid: 1,
            memory,
            namespace,
            cwd,
            files: FdTable::default(),
            shm: ShmRegistry::new(memory_file),
            credentials: Credentials {
                uid: 0,
                euid: 0,
                suid: 0,
                gid: 0,
                egid: 0,
                sgid: 0,
                groups: Vec::new(),
            },
            limits: ResourceLimits::new([RLimit::INFINITY; 16], true),
        });
        Self { task: CurrentTask::enter(task, context), directory }
    }

    /// Maps two pages read-write at `addr` and leaves the page after them unmapped.
    pub(crate) fn map_two_pages(&self, addr: Addr) {
        let mapped = self.task.task().memory_manager().mmap(MmapRequest {
            addr,
            len: 8192,
            access: AccessType::READ_WRITE,
            max_access: AccessType::ALL,
            flags: MmapFlags::PRIVATE | MmapFlags::ANONYMOUS | MmapFlags::FIXED,
            offset: 0,
            object: None,
        });
        assert_eq!(mapped, Ok(addr));
    }
}
