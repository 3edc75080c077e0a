//! Programs of our own (`guests/*.c`) that go to the edges of Linux's interface and print what they find there.
//!
//! They use raw system calls, at fixed addresses, and print nothing that changes from run to run: any difference
//! between the host's answers and ours is a mistake of ours.

use std::os::unix::fs::symlink;

use crate::harness::{Case, Noise, Scratch, guest, programs, run, say, usermem};

/// The files that the guests expect in their working folder.
fn files(scratch: &Scratch) {
    let mut noise = Noise(5);
    scratch.write("data", (0..8192).map(|_| noise.below(256) as u8).collect::<Vec<_>>());
    for name in ["a", "bb", "ccc", "a-longer-name-than-the-others"] {
        scratch.write(&format!("folder/{name}"), "");
    }
    scratch.write("sub/inner", "inner\n");
    for (target, link) in [("target-text-of-link", "link"), ("sub", "to-sub"), ("loop", "loop")] {
        symlink(target, scratch.path().join(link)).expect("a link can be made");
    }
}

fn probe(name: &str) -> Case {
    Case::at(guest(name), [""; 0]).files(files).writable()
}

programs! { "guests":
    badptr_io => probe("badptr_io"),
    badptr_paths => probe("badptr_paths"),
    badptr_structs => probe("badptr_structs"),
    pitfall_26_28_partial => probe("partial"),
    pitfall_09_27_29_memmap => probe("memmap"),
    shared_memory => probe("shm"),
    sealed_memory => probe("sealed"),
    mapped_files => probe("mapfile"),
    files_and_pipes => probe("files"),
}

/// Runs a guest, unless the kernel that it is compared with is older than what it calls.
#[track_caller]
fn probe_since(version: (u32, u32), name: &str) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
    let host = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if host < version {
        say(&format!("SKIPPED {name}: this kernel is older than {}.{}", version.0, version.1));
        return;
    }
    probe(name).check(name);
}

#[test]
fn seals_and_guards() {
    probe_since((6, 13), "seal");
}

/// Runs a guest as [`probe_since`] does, where there is one node, as programs are told.
#[track_caller]
fn probe_on_one_node(version: (u32, u32), name: &str) {
    let nodes = std::fs::read_to_string("/sys/devices/system/node/possible").unwrap_or_default();
    if nodes.trim() != "0" {
        say(&format!("SKIPPED {name}: this kernel does not have exactly one node"));
        return;
    }
    probe_since(version, name);
}

#[test]
fn memory_policies() {
    probe_on_one_node((6, 18), "policy");
}

#[test]
fn status_of_a_process() {
    probe_on_one_node((5, 0), "status");
}

#[test]
fn memory_of_a_process() {
    probe_since((6, 18), "remote");
}

#[test]
fn modes_of_memory() {
    probe_since((6, 18), "modes");
}

#[test]
fn names_of_anonymous_memory() {
    // Not every kernel has them, so what Linux says is written down.
    let scratch = Scratch::new("names");
    let mut command = usermem();
    command.arg("--").arg(guest("names")).current_dir(scratch.path());
    let ours = run(command, b"");
    ours.check_sound("names");
    let expected = include_str!("guests/names.expected");
    assert_eq!(String::from_utf8_lossy(&ours.stdout), expected);
}

/// Compares each way to end that `guests/fatal.c` knows, and reports all that differ.
#[track_caller]
fn ends(group: &str, ways: &[&str]) {
    let program = guest("fatal");
    let different: Vec<String> = ways
        .iter()
        .filter_map(|way| {
            let case = Case::at(program.clone(), [*way]).files(files);
            case.compare(&format!("fatal-{group}"))
                .err()
                .map(|difference| format!("{way}: {difference}"))
        })
        .collect();
    assert!(
        different.is_empty(),
        "{} of {} differ:\n{}",
        different.len(),
        ways.len(),
        different.join("\n")
    );
}

#[test]
fn ends_by_exit() {
    ends("exit", &["exit-0", "exit-7", "exit-256", "exit-minus", "exit-thread"]);
}

#[test]
fn ends_by_bad_access() {
    ends(
        "access",
        &[
            "read-null",
            "write-null",
            "call-null",
            "write-text",
            "jump-data",
            "jump-stack",
            "kernel-half",
            "non-canonical",
            "jump-non-canonical",
            "no-stack",
            "unmap-all",
            "unmap-self",
            "protect-all",
            "ignored-fault",
            "blocked-fault",
        ],
    );
}

#[test]
fn pitfall_27_ends_beyond_the_end_of_a_file() {
    ends("beyond-end", &["beyond-end", "beyond-end-write"]);
}

#[test]
fn ends_by_stack() {
    ends("stack", &["stack-overflow", "grows-down", "grows-down-far"]);
}

#[test]
fn ends_by_instruction() {
    ends(
        "instruction",
        &[
            "ud2",
            "fault-in-32-bit-code",
            "int3",
            "hlt",
            "in",
            "int-0x13",
            "into-1",
            "divide",
            "divide-overflow",
            "float-trap",
            "misaligned",
            "misaligned-sse",
        ],
    );
}

#[test]
fn ends_by_signal() {
    ends(
        "signal",
        &[
            "abort",
            "alarm-in-futex",
            "raise-term",
            "raise-kill",
            "raise-usr1",
            "raise-chld",
            "raise-realtime",
            "kill-self",
            "tgkill-self",
            "ignored",
            "blocked",
            "unblocked",
            "pipe",
            "pipe-ignored",
        ],
    );
}
