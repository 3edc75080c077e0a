//! What a stub may ask of the host: the calls that we inject, nothing else.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use usermem_types::Errno;

use super::arch;
use crate::PlatformError;

/// The filters of a stub, in the order in which they are installed.
///
/// The application's own calls never reach them: ptrace takes those away before. What does reach
/// them is what we inject, and calls through the vsyscall page, which ptrace does not see.
#[derive(Debug)]
pub(super) struct Filters {
    /// Turns the calls of the vsyscall page into a signal.
    pub(super) trap: BpfProgram,
    /// Kills the stub for all calls but ours, and for theirs, which `trap` decides.
    pub(super) allow: BpfProgram,
}

impl Filters {
    pub(super) fn new() -> Result<Self, PlatformError> {
        let vsyscalls: BTreeMap<_, _> =
            arch::trapped_calls().iter().map(|nr| (*nr, Vec::new())).collect();
        let mut allowed = vsyscalls.clone();
        // mmap(…, MAP_SHARED | MAP_FIXED [| MAP_POPULATE], …)
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let mask = SeccompCmpOp::MaskedEq(!(libc::MAP_POPULATE as u64));
        allowed.insert(libc::SYS_mmap, vec![rule(3, mask, flags as u64)?]);
        allowed.insert(libc::SYS_munmap, Vec::new());
        // rseq(…, RSEQ_FLAG_UNREGISTER, …)
        allowed.insert(libc::SYS_rseq, vec![rule(2, SeccompCmpOp::Eq, 1)?]);
        let trap = if vsyscalls.is_empty() {
            BpfProgram::new()
        } else {
            compile(vsyscalls, SeccompAction::Allow, SeccompAction::Trap)?
        };
        let allow = compile(allowed, SeccompAction::KillProcess, SeccompAction::Allow)?;
        Ok(Self { trap, allow })
    }
}

fn rule(index: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompRule, PlatformError> {
    let condition =
        SeccompCondition::new(index, SeccompCmpArgLen::Qword, op, value).map_err(refused)?;
    SeccompRule::new(vec![condition]).map_err(refused)
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, PlatformError> {
    let target = std::env::consts::ARCH.try_into().map_err(refused)?;
    SeccompFilter::new(rules, otherwise, matched, target)
        .and_then(TryInto::try_into)
        .map_err(refused)
}

fn refused(error: impl std::fmt::Display) -> PlatformError {
    PlatformError { what: format!("the stub's system call filter ({error})"), errno: Errno::EINVAL }
}
