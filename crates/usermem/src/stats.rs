//! What `--stats` prints.

use std::fmt::Arguments;
use std::io::Write;

use kernel_task::CurrentTask;
use memfile::MemoryFile;
use syscalls::Ended;

/// Prints what happened while a program ran, on stderr.
pub(crate) fn print(task: &CurrentTask, memory: &MemoryFile, ended: &Ended) {
    let usage = task.task().memory_manager().usage();
    let traffic = task.traffic();
    let counters = ended.counters;
    say(format_args!("system calls    {} ({} unknown)", counters.syscalls, counters.unknown));
    say(format_args!("faults          {}", counters.faults));
    say(format_args!("bytes in/out    {} / {}", traffic.bytes_in, traffic.bytes_out));
    say(format_args!("mappings        {} ({} KiB)", usage.mappings, usage.vm_bytes >> 10));
    let (resident, peak) = (usage.rss_bytes >> 10, usage.peak_rss_bytes >> 10);
    say(format_args!("resident/peak   {resident} / {peak} KiB"));
    say(format_args!("memory file     {} KiB committed", memory.committed_bytes() >> 10));
}

/// Prints a line. The program may have left stderr in a state that takes none, which is no reason
/// to lose its exit status.
fn say(line: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "usermem: {line}");
}
