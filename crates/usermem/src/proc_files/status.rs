//! `/proc/PID/status`.

use std::io::Write;

use kernel_task::{Disposition, SigSet, Signals, Task};
use mm::NodeSet;

use super::{name, set};

/// The value of `PR_GET_THP_DISABLE` where huge pages are disabled, advised ones too.
const ALL_DISABLED: u64 = 1;

/// Returns the text of the file, without the lines that tell about the host's kernel only.
pub(super) fn text(task: &Task) -> Vec<u8> {
    let mut text = Vec::new();
    identity(task, &mut text);
    memory(task, &mut text);
    signals(&task.signals().lock(), &mut text);
    rights(task, &mut text);
    places(&mut text);
    text
}

/// Appends a line; writing to a vector does not fail.
fn line(text: &mut Vec<u8>, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name}:\t{value}");
}

fn identity(task: &Task, text: &mut Vec<u8>) {
    let ids = task.credentials();
    let groups: Vec<String> = ids.groups.iter().map(u32::to_string).collect();
    line(text, "Name", String::from_utf8_lossy(&name(task)));
    line(text, "Umask", format_args!("{:04o}", task.fs().lock().umask));
    line(text, "State", "R (running)");
    line(text, "Tgid", task.pid());
    line(text, "Ngid", 0);
    line(text, "Pid", task.pid());
    line(text, "PPid", task.ppid());
    line(text, "TracerPid", 0);
    line(text, "Uid", format_args!("{}\t{}\t{}\t{}", ids.uid, ids.euid, ids.suid, ids.euid));
    line(text, "Gid", format_args!("{}\t{}\t{}\t{}", ids.gid, ids.egid, ids.sgid, ids.egid));
    line(text, "FDSize", 64);
    line(text, "Groups", format_args!("{} ", groups.join(" ")));
}

fn memory(task: &Task, text: &mut Vec<u8>) {
    let usage = task.memory_manager().usage();
    for (name, bytes) in [
        ("VmPeak", usage.peak_vm_bytes),
        ("VmSize", usage.vm_bytes),
        ("VmLck", usage.locked_bytes),
        ("VmPin", 0),
        ("VmHWM", usage.peak_rss_bytes),
        ("VmRSS", usage.rss_bytes),
        ("VmData", usage.data_bytes),
        ("VmStk", usage.stack_bytes),
        ("VmSwap", 0),
        ("HugetlbPages", 0),
    ] {
        line(text, name, format_args!("{:8} kB", bytes >> 10));
    }
    let disabled = task.memory_manager().thp_disable();
    line(text, "CoreDumping", 0);
    line(text, "THP_enabled", u8::from(disabled != ALL_DISABLED));
    line(text, "Threads", 1);
}

fn signals(signals: &Signals, text: &mut Vec<u8>) {
    let which = |is_meant: fn(&Signals, i32) -> bool| {
        (1..=64)
            .filter(|signal| is_meant(signals, *signal))
            .fold(0, |set, signal| set | SigSet::of(signal).0)
    };
    let ignored = which(|signals, signal| signals.action(signal).is_some_and(|it| it.handler == 1));
    let caught =
        which(|signals, signal| matches!(signals.disposition(signal), Disposition::Handler(_)));
    for (name, set) in [
        ("SigPnd", signals.pending().0),
        ("ShdPnd", 0),
        ("SigBlk", signals.mask.0),
        ("SigIgn", ignored),
        ("SigCgt", caught),
    ] {
        line(text, name, format_args!("{set:016x}"));
    }
}

/// Capabilities are those of our own process, as `capget` tells them.
fn rights(task: &Task, text: &mut Vec<u8>) {
    let host = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    for capabilities in host.lines().filter(|line| line.starts_with("Cap")) {
        text.extend_from_slice(capabilities.as_bytes());
        text.push(b'\n');
    }
    line(text, "NoNewPrivs", u8::from(task.attributes().lock().no_new_privs));
    line(text, "Seccomp", 0);
}

/// Where the program may run, and on which nodes its memory may lie: the only one.
fn places(text: &mut Vec<u8>) {
    let cpus = syscalls::possible_cpus();
    line(text, "Cpus_allowed", set::mask(cpus, syscalls::may_run_on));
    line(text, "Cpus_allowed_list", set::list(cpus, syscalls::may_run_on));
    let nodes = usize::try_from(NodeSet::MAX_NODES).unwrap_or(1);
    line(text, "Mems_allowed", set::mask(nodes, |node| node == 0));
    line(text, "Mems_allowed_list", 0);
    // As getrusage, which does not count them either.
    line(text, "voluntary_ctxt_switches", 0);
    line(text, "nonvoluntary_ctxt_switches", 0);
}
