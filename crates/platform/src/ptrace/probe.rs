//! What the host offers to stubs, found out by trying.

use rustix::fs::MemfdFlags;

use super::affinity::Affinity;
use super::arch;
use super::page::StubPage;
use super::sys::{self, Stop};
use super::tracee::{Tracee, failed, shared_mapping};
use crate::PlatformError;

/// One thing that running programs needs from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is needed, in a few words.
    pub name: &'static str,
    /// Whether the host offers it.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to change on the host; empty when nothing needs to be.
    pub fix: &'static str,
}

/// Returns what the host offers to stubs, by trying each thing in a stub of its own.
#[must_use]
pub fn probe() -> Vec<Check> {
    let mut checks = vec![check(
        "machine",
        if arch::SUPPORTED {
            Ok(std::env::consts::ARCH.to_owned())
        } else {
            Err(format!("{} is not supported yet", std::env::consts::ARCH))
        },
        "run on x86-64",
    )];
    if !arch::SUPPORTED {
        return checks;
    }
    checks.extend([
        check("kernel", kernel(), "run Linux 5.3 or later"),
        check(
            "ptrace policy",
            ptrace_policy(),
            "sysctl kernel.yama.ptrace_scope=1, or grant CAP_SYS_PTRACE",
        ),
        check("seccomp filters", seccomp(), "a kernel with CONFIG_SECCOMP_FILTER"),
        check(
            "stub process",
            stub().map(|stub| format!("started process {}", stub.pid().0)).map_err(text),
            "allow ptrace and seccomp in this container or sandbox",
        ),
        check(
            "system call emulation",
            emulation(),
            "a kernel and a sandbox that support PTRACE_SYSEMU",
        ),
        check("executable memory files", memfd(), "allow memfd_create; sysctl vm.memfd_noexec=0"),
        check("mappings", mappings(), "sysctl vm.max_map_count=65530 or more"),
        check("one processor", affinity(), "allow sched_setaffinity; without it calls are slow"),
    ]);
    checks
}

fn check(name: &'static str, result: Result<String, String>, fix: &'static str) -> Check {
    match result {
        Ok(detail) => Check { name, ok: true, detail, fix: "" },
        Err(detail) => Check { name, ok: false, detail, fix },
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

fn stub() -> Result<Tracee, PlatformError> {
    Tracee::spawn(StubPage::get()?)
}

fn kernel() -> Result<String, String> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (5, 3) => Ok(release),
        _ => Err(release),
    }
}

fn ptrace_policy() -> Result<String, String> {
    match std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope") {
        Err(_) => Ok("no restriction".to_owned()),
        Ok(scope) => match scope.trim() {
            scope @ ("0" | "1") => Ok(format!("kernel.yama.ptrace_scope is {scope}")),
            // Whether we have the capability shows below, when a stub starts.
            "2" => Ok("kernel.yama.ptrace_scope is 2: needs CAP_SYS_PTRACE".to_owned()),
            scope => Err(format!("kernel.yama.ptrace_scope is {scope}")),
        },
    }
}

fn seccomp() -> Result<String, String> {
    let actions =
        std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").map_err(text)?;
    let actions = actions.trim();
    let has = |action| actions.split(' ').any(|offered| offered == action);
    let all = ["trap", "trace", "allow"].into_iter().all(has);
    if all { Ok(actions.to_owned()) } else { Err(actions.to_owned()) }
}

/// Lets a stub run into a system call that its filter forbids: emulated, it does no harm.
fn emulation() -> Result<String, String> {
    let mut stub = stub().map_err(text)?;
    let page = StubPage::get().map_err(text)?;
    let nr = libc::SYS_getpid.unsigned_abs();
    *stub.regs_mut().map_err(text)? = arch::call(page.start(), nr, [0; 6]);
    stub.run().map_err(text)?;
    let stop = stub.wait_stop(|| {}).map_err(text)?;
    let entry = sys::syscall_entry(stub.pid()).map_err(text)?;
    if stop == Stop::Syscall && entry.nr == nr && entry.arch == arch::AUDIT_ARCH_NATIVE {
        Ok("PTRACE_SYSEMU and PTRACE_GET_SYSCALL_INFO work".to_owned())
    } else {
        Err(format!("{stop:?}, call {}", entry.nr))
    }
}

fn memfd() -> Result<String, String> {
    let size = rustix::param::page_size() as u64;
    let fd = rustix::fs::memfd_create("probe", MemfdFlags::CLOEXEC).map_err(text)?;
    rustix::fs::ftruncate(&fd, size).map_err(text)?;
    let prot = libc::PROT_READ | libc::PROT_EXEC;
    let args = shared_mapping((0x40_0000, size), prot, 0, &fd, 0);
    let mut stub = stub().map_err(text)?;
    let mapped = stub.inject(libc::SYS_mmap, args).map_err(text)?;
    mapped.map_err(|errno| failed("mmap in a stub", errno).to_string())?;
    Ok("mapped one for execution in a stub".to_owned())
}

fn mappings() -> Result<String, String> {
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").map_err(text)?;
    let detail = format!("vm.max_map_count is {}", limit.trim());
    match limit.trim().parse::<u64>() {
        Ok(limit) if limit >= 65_530 => Ok(detail),
        _ => Err(detail),
    }
}

fn affinity() -> Result<String, String> {
    let stub = stub().map_err(text)?;
    match Affinity::join(stub.pid()) {
        Some(_) => Ok("tracer and stub can share one".to_owned()),
        None => Err("sched_setaffinity was refused".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the other tests need is what is probed for.
    #[test]
    fn a_host_that_passes_the_tests_passes_the_probe() {
        for check in probe() {
            let expected = arch::SUPPORTED || check.name != "machine";
            assert_eq!(check.ok, expected, "{check:?}");
            assert_eq!(check.fix.is_empty(), check.ok, "{check:?}");
        }
    }
}
