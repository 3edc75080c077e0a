//! What the program finds about itself under `/proc`.

mod mounts;
mod set;
mod status;

use std::path::Path;
use std::sync::{Arc, Weak};

use hostfs::{Contents, DescriptorTable, FileDescription};
use kernel_task::Task;
use loader::LoadedProgram;
use usermem_io::{Io, IoExt, IoOpts};
use usermem_types::AddrRange;

/// Registers `/proc/self` and `/proc/PID` in the task's own tree, whose root is `root` on the host.
/// The entries end with the task.
pub(crate) fn register(task: &Arc<Task>, program: &LoadedProgram, root: &Path) {
    let pid = task.pid();
    let namespace = task.namespace();
    let entry = |name: &str| format!("/proc/{pid}/{name}").into_bytes();
    let program = Arc::new(program.clone());
    let contents = |make: fn(&Task, &LoadedProgram) -> Vec<u8>| -> Contents {
        let task = Arc::downgrade(task);
        let program = Arc::clone(&program);
        Arc::new(move || task.upgrade().map_or_else(Vec::new, |task| make(&task, &program)))
    };

    let segments = Arc::clone(task.shm());
    namespace.add_file(b"/proc/sysvipc/shm", 0o444, Arc::new(move || segments.list_text()));
    namespace.add_link(b"/proc/self", contents(|task, _| task.pid().to_string().into_bytes()));
    let thread = contents(|task, _| format!("{0}/task/{0}", task.pid()).into_bytes());
    namespace.add_link(b"/proc/thread-self", thread);
    for (name, mode, make) in FILES {
        namespace.add_file(&entry(name), mode, contents(make));
        namespace.add_file(&entry(&format!("task/{pid}/{name}")), mode, contents(make));
    }
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    for table in mounts::TABLES {
        let contents = || mounts::contents(table, root.clone());
        namespace.add_file(&entry(table.0), 0o444, contents());
        namespace.add_file(&entry(&format!("task/{pid}/{}", table.0)), 0o444, contents());
    }
    namespace.add_link(&entry("exe"), contents(|_, program| program.executable.clone()));
    namespace.add_link(&entry("cwd"), contents(|task, _| task.cwd().path()));
    namespace.add_link(&entry("root"), contents(|_, _| b"/".to_vec()));
    namespace.add_descriptors(&entry("fd"), Arc::new(OpenFiles(Arc::downgrade(task))));
}

/// Makes the contents of a file from a task and the program that it started with.
type Make = fn(&Task, &LoadedProgram) -> Vec<u8>;

const FILES: [(&str, u32, Make); 9] = [
    ("maps", 0o444, |task, _| task.memory_manager().maps_text()),
    ("smaps", 0o444, |task, _| task.memory_manager().smaps_text()),
    ("cmdline", 0o444, |task, program| strings(task, program.argv)),
    ("environ", 0o400, |task, program| strings(task, program.envp)),
    ("auxv", 0o400, |_, program| program.auxv.clone()),
    ("comm", 0o644, |task, _| [name(task), b"\n".to_vec()].concat()),
    ("status", 0o444, |task, _| status::text(task)),
    ("stat", 0o444, |task, program| stat(task, program)),
    ("statm", 0o444, |task, _| statm(task)),
];

/// The strings in a range of the program's memory, as they are now.
fn strings(task: &Task, range: AddrRange) -> Vec<u8> {
    let Ok(len) = usize::try_from(range.len()) else { return Vec::new() };
    let io: &dyn Io = &**task.memory_manager();
    io.copy_in_bytes(range.start(), len, IoOpts::IGNORE_PERMISSIONS).unwrap_or_default()
}

fn name(task: &Task) -> Vec<u8> {
    task.name().into_iter().take_while(|byte| *byte != 0).collect()
}

fn stat(task: &Task, program: &LoadedProgram) -> Vec<u8> {
    let usage = task.memory_manager().usage();
    let (pid, ppid) = (task.pid(), task.ppid());
    let mut line = format!("{pid} (").into_bytes();
    line.extend(name(task));
    // The fields of proc_pid_stat(5) from state on; what is not known here is 0.
    let mut fields = [0u64; 49];
    for (number, value) in [
        (20, 1),
        (23, usage.vm_bytes),
        (24, usage.rss_bytes >> 12),
        (25, u64::MAX),
        (28, program.stack_pointer.get()),
        (48, program.argv.start().get()),
        (49, program.argv.end().get()),
        (50, program.envp.start().get()),
        (51, program.envp.end().get()),
    ] {
        if let Some(field) = fields.get_mut(number - 4) {
            *field = value;
        }
    }
    if let Some(parent) = fields.first_mut() {
        *parent = ppid as u64;
    }
    line.extend(b") R");
    for field in fields {
        line.extend(format!(" {field}").into_bytes());
    }
    line.push(b'\n');
    line
}

fn statm(task: &Task) -> Vec<u8> {
    let usage = task.memory_manager().usage();
    let pages = |bytes: u64| bytes >> 12;
    format!(
        "{} {} 0 0 0 {} 0\n",
        pages(usage.vm_bytes),
        pages(usage.rss_bytes),
        pages(usage.data_bytes)
    )
    .into_bytes()
}

/// `/proc/PID/fd`.
struct OpenFiles(Weak<Task>);

impl DescriptorTable for OpenFiles {
    fn numbers(&self) -> Vec<u32> {
        self.0.upgrade().map_or_else(Vec::new, |task| {
            task.files().lock().iter().filter_map(|(fd, _)| u32::try_from(fd).ok()).collect()
        })
    }

    fn get(&self, number: u32) -> Option<Arc<dyn FileDescription>> {
        let fd = i32::try_from(number).ok()?;
        let task = self.0.upgrade()?;
        let files = task.files().lock();
        files.get(fd).ok().map(|open| Arc::clone(&open.file))
    }
}
