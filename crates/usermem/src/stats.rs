//! What `--stats` prints.

use kernel_task::CurrentTask;
use memfile::MemoryFile;
use syscalls::Ended;

/// Prints what happened while a program ran, on stderr.
pub(crate) fn print(task: &CurrentTask, memory: &MemoryFile, ended: &Ended) {
    let usage = task.task().memory_manager().usage();
    let traffic = task.traffic();
    let counters = ended.counters;
    eprintln!("usermem: system calls    {} ({} unknown)", counters.syscalls, counters.unknown);
    eprintln!("usermem: faults          {}", counters.faults);
    eprintln!("usermem: bytes in/out    {} / {}", traffic.bytes_in, traffic.bytes_out);
    eprintln!("usermem: mappings        {} ({} KiB)", usage.mappings, usage.vm_bytes >> 10);
    eprintln!(
        "usermem: resident/peak   {} / {} KiB",
        usage.rss_bytes >> 10,
        usage.peak_rss_bytes >> 10
    );
    eprintln!("usermem: memory file     {} KiB committed", memory.committed_bytes() >> 10);
}
