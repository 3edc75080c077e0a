//! What is taken over from the host: identity, limits, environment.

use std::os::unix::ffi::OsStringExt;

use kernel_task::{Credentials, RLimit, ResourceLimits, SigSet, Signals};
use rustix::process::{self, Resource};

/// Returns who the caller is: the program runs as nobody else.
pub(crate) fn credentials() -> Credentials {
    let groups = process::getgroups().unwrap_or_default();
    let (uid, euid) = (process::getuid().as_raw(), process::geteuid().as_raw());
    let (gid, egid) = (process::getgid().as_raw(), process::getegid().as_raw());
    Credentials {
        uid,
        euid,
        suid: euid,
        gid,
        egid,
        sgid: egid,
        groups: groups.into_iter().map(|group| group.as_raw()).collect(),
    }
}

/// SIGPIPE, which our own runtime ignores before we can look what the caller did with it.
const PIPE: i32 = 13;

/// Returns what the caller ignores and blocks, as the program inherits it. Called before we install
/// handlers of our own.
pub(crate) fn signals() -> Signals {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let set = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| u64::from_str_radix(value.trim(), 16).ok()).unwrap_or(0)
    };
    Signals::inherited(SigSet(set("SigIgn") & !SigSet::of(PIPE).0), SigSet(set("SigBlk")))
}

/// Returns the caller's resource limits, in the order of their numbers.
pub(crate) fn limits() -> ResourceLimits {
    let limit = |resource| {
        let limit = process::getrlimit(resource);
        RLimit { soft: limit.current.unwrap_or(u64::MAX), hard: limit.maximum.unwrap_or(u64::MAX) }
    };
    let limits = [
        Resource::Cpu,
        Resource::Fsize,
        Resource::Data,
        Resource::Stack,
        Resource::Core,
        Resource::Rss,
        Resource::Nproc,
        Resource::Nofile,
        Resource::Memlock,
        Resource::As,
        Resource::Locks,
        Resource::Sigpending,
        Resource::Msgqueue,
        Resource::Nice,
        Resource::Rtprio,
        Resource::Rttime,
    ]
    .map(limit);
    let capabilities = rustix::thread::capabilities(None);
    let may_raise = capabilities
        .is_ok_and(|sets| sets.effective.contains(rustix::thread::CapabilitySet::SYS_RESOURCE));
    ResourceLimits::new(limits, may_raise)
}

/// Lets our own process have as many descriptors as it may: each of the program's takes one of
/// ours, besides those that we need ourselves.
pub(crate) fn raise_descriptor_limit() {
    let limit = process::getrlimit(Resource::Nofile);
    let raised = process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    // With the old limit the program meets EMFILE sooner, which is no reason not to start it.
    let _ = process::setrlimit(Resource::Nofile, raised);
}

/// Returns the environment of the program: the caller's, unless cleared, changed by `set`.
pub(crate) fn environment(clear: bool, set: &[(Vec<u8>, Vec<u8>)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut environment: Vec<(Vec<u8>, Vec<u8>)> = if clear {
        Vec::new()
    } else {
        std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect()
    };
    for (name, value) in set {
        match environment.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.clone_from(value),
            None => environment.push((name.clone(), value.clone())),
        }
    }
    environment
}
