//! Putting together what a program runs with, and running it.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

use hostfs::{FileDescription, Namespace};
use kernel_task::{
    CurrentTask, ExitStatus, FdTable, OpenFile, Resource, ResourceLimits, ShmRegistry, Task,
    TaskParts,
};
use loader::{LoadRequest, LoadedProgram};
use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MemoryManager, Privileges};
use platform::ptrace::PtracePlatform;
use platform::{Platform, Registers};
use rustix::fs::Mode;
use rustix::process;
use rustix::thread::CapabilitySet;
use syscalls::{Runner, TraceSink};
use usermem_types::Errno;

use crate::cli::RunOptions;
use crate::failure::Failure;
use crate::{host, proc_files, search, stats};

/// Runs a program and returns the exit status for the shell.
pub(crate) fn run(options: RunOptions) -> Result<u8, Failure> {
    let signals = host::signals();
    safecopy::init()
        .map_err(|error| Failure::ours(format!("cannot catch faults of copies: {error}")))?;
    hostfs::ignore_size_signal()
        .map_err(|errno| Failure::ours(format!("cannot ignore SIGXFSZ: {errno}")))?;
    let memory = MemoryFile::new(MemoryFileOptions {
        limit: options.max_memory,
        ..MemoryFileOptions::default()
    })
    .map_err(|error| Failure::ours(format!("cannot make the memory file: {error}")))?;
    let namespace =
        Arc::new(Namespace::new(&options.root, &options.writable).map_err(Failure::ours)?);
    let environment = host::environment(options.clear_env, &options.env);
    let cwd = working_directory(&namespace, &options)?;
    let path = find_program(&namespace, &*cwd, &options, &environment)?;

    syscalls::remember_cpus();
    platform::ptrace::quiet_child_stops().map_err(Failure::ours)?;
    let platform = PtracePlatform::new()
        .map_err(|error| Failure::ours(format!("{error}; `usermem doctor` tells more")))?;
    let space = platform
        .new_address_space()
        .map_err(|error| Failure::ours(format!("cannot make an address space: {error}")))?;
    let manager = MemoryManager::new(Arc::clone(&space), Arc::clone(&memory));

    let limits = host::limits();
    host::raise_descriptor_limit();
    apply_limits(&manager, &limits);
    let shm = ShmRegistry::new(Arc::clone(&memory));
    let task = make_task(&manager, &namespace, (cwd, shm), limits)?;
    let program = load(&task, &path, &options, &environment)?;
    *task.signals().lock() = signals;
    task.set_name(path.rsplit(|byte| *byte == b'/').next().unwrap_or_default());
    proc_files::register(&task, &program, &options.root);

    let mut context = platform
        .new_context(&space)
        .map_err(|error| Failure::ours(format!("cannot make a context: {error}")))?;
    hostfs::hide_processes(1);
    let registers = Registers {
        pc: program.entry.get(),
        sp: program.stack_pointer.get(),
        ..Registers::default()
    };
    context.set_registers(&registers).map_err(Failure::ours)?;

    let mut current = CurrentTask::enter(task, context);
    let runner = Runner::new(options.trace.map(TraceSink::new));
    let ended = runner.run(&mut current).map_err(Failure::ours)?;
    if options.stats {
        stats::print(&current, &memory, &ended);
    }
    Ok(match ended.status {
        ExitStatus::Code(code) => code,
        ExitStatus::Signal(signal) => 128u8.saturating_add(u8::try_from(signal).unwrap_or(127)),
    })
}

/// The directory that the program starts in: as asked; otherwise the caller's, as long as the
/// program can see it; otherwise the root.
fn working_directory(
    namespace: &Namespace,
    options: &RunOptions,
) -> Result<Arc<dyn FileDescription>, Failure> {
    if let Some(directory) = &options.cwd {
        return namespace.open_cwd(directory.as_bytes()).map_err(|errno| {
            Failure::ours(format!("--cwd {}: cannot be opened: {errno}", directory.display()))
        });
    }
    let below = std::env::current_dir().ok().zip(options.root.canonicalize().ok()).and_then(
        |(cwd, root)| cwd.strip_prefix(root).ok().map(|below| below.as_os_str().to_owned()),
    );
    if let Some(below) = below {
        let path = [b"/", below.into_vec().as_slice()].concat();
        if let Ok(directory) = namespace.open_cwd(&path) {
            return Ok(directory);
        }
    }
    namespace
        .open_cwd(b"/")
        .map_err(|errno| Failure::ours(format!("the root cannot be opened: {errno}")))
}

fn find_program(
    namespace: &Namespace,
    cwd: &dyn FileDescription,
    options: &RunOptions,
    environment: &[(Vec<u8>, Vec<u8>)],
) -> Result<Vec<u8>, Failure> {
    let path =
        environment.iter().find(|(name, _)| name == b"PATH").map(|(_, value)| value.as_slice());
    search::find(namespace, cwd, options.program().as_bytes(), path).ok_or_else(|| {
        let name = options.program().display();
        Failure::not_found(format!("{name}: not found in the directories of PATH"))
    })
}

fn load(
    task: &Task,
    path: &[u8],
    options: &RunOptions,
    environment: &[(Vec<u8>, Vec<u8>)],
) -> Result<LoadedProgram, Failure> {
    let ids = task.credentials();
    let hwcap = rustix::param::linux_hwcap();
    let request = LoadRequest {
        namespace: task.namespace(),
        cwd: &*task.cwd(),
        path,
        argv: options.argv(),
        envp: environment
            .iter()
            .map(|(name, value)| [name, value.as_slice()].join(&b'='))
            .collect(),
        ids: [ids.uid, ids.euid, ids.gid, ids.egid],
        random: random()?,
        hwcap: (hwcap.0 as u64, hwcap.1 as u64),
    };
    loader::load(task.memory_manager(), request).map_err(|error| {
        if error.errno() == Errno::ENOENT && error.path() == path {
            Failure::not_found(error)
        } else {
            Failure::not_executable(error)
        }
    })
}

fn random() -> Result<[u8; 16], Failure> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Failure::ours(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

/// Tells the memory manager the limits that it enforces.
fn apply_limits(manager: &MemoryManager, limits: &ResourceLimits) {
    let memory = manager.limits();
    memory.address_space.set(limits.get(Resource::AddressSpace).soft);
    memory.data.set(limits.get(Resource::Data).soft);
    memory.stack.set(limits.get(Resource::Stack).soft);
    memory.memlock.set(limits.get(Resource::LockedMemory).soft);
    memory.set_privileges(privileges());
}

/// Returns which of the capabilities that the program is told to have matter to its memory.
fn privileges() -> Privileges {
    let effective = rustix::thread::capabilities(None).map(|sets| sets.effective);
    let has = |capability| effective.is_ok_and(|effective| effective.contains(capability));
    let mut privileges = Privileges::empty();
    privileges.set(Privileges::LOCK, has(CapabilitySet::IPC_LOCK));
    privileges.set(Privileges::PLACE, has(CapabilitySet::SYS_NICE));
    privileges
}

fn make_task(
    manager: &Arc<MemoryManager>,
    namespace: &Arc<Namespace>,
    (cwd, shm): (Arc<dyn FileDescription>, Arc<ShmRegistry>),
    limits: ResourceLimits,
) -> Result<Arc<Task>, Failure> {
    let mut files = FdTable::default();
    for number in 0..3 {
        // A stream that the caller has closed stays closed.
        if let Ok(file) = namespace.standard_stream(number) {
            let slot = i32::try_from(number).unwrap_or_default();
            let open = OpenFile { file, close_on_exec: false };
            files.replace(slot, open, 3).map_err(|errno| {
                Failure::ours(format!("standard stream {number} cannot be passed on: {errno}"))
            })?;
        }
    }
    // New files get exactly the permissions that the program asks for, less its own mask.
    let umask = process_umask();
    let task = Task::new(TaskParts {
        pid: process::getpid().as_raw_nonzero().get(),
        ppid: process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get()),
        memory: Arc::clone(manager),
        namespace: Arc::clone(namespace),
        cwd,
        files,
        shm,
        credentials: host::credentials(),
        limits,
    });
    task.fs().lock().umask = umask;
    Ok(task)
}

/// Takes the mask away from our own process and returns what it was.
fn process_umask() -> u32 {
    process::umask(Mode::empty()).bits()
}
