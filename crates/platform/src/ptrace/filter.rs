//! What a stub may ask of the host: the calls that we inject, nothing else.
//!
//! A call of ours is known by a secret in halves of its arguments that the host does not look at. The
//! application never sees one: what is injected is in registers only while the stub's own code runs.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};
use usermem_types::Errno;

use super::arch;
use crate::PlatformError;

/// The arguments that carry the secret, a third each, in their upper halves: those that are numbers of
/// 32 bits, or nothing, in all calls that are injected.
const SIGNED: [usize; 3] = [2, 3, 4];
const HALF: u32 = 32;
const UPPER: u64 = !0 << HALF;

/// The filter of a stub, and the secret that opens it.
///
/// Where the application runs so that ptrace takes its calls away, they do not reach the filter. What
/// does is what we inject, calls through the vsyscall page, which ptrace does not see, and all calls of
/// an application that was let run by the stub's own code: these stop it, as any call does. All but two:
/// `uretprobe` and `uprobe`, which newer hosts let pass any filter, and which do nothing but in a page of the
/// host's that no stub has; what an application gets for them is what it gets from the host.
pub(super) struct Filter {
    pub(super) program: BpfProgram,
    secret: Secret,
    nonce: u64,
}

/// Both parts hold the secret.
impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").finish_non_exhaustive()
    }
}

impl Filter {
    pub(super) fn new() -> Result<Self, PlatformError> {
        let secret = Secret::new()?;
        let target = std::env::consts::ARCH.try_into().map_err(refused)?;
        let injected = SeccompFilter::new(
            secret.calls()?,
            SeccompAction::Trace(0),
            SeccompAction::Allow,
            target,
        )
        .and_then(TryInto::<BpfProgram>::try_into)
        .map_err(refused)?;
        let program = strangers().into_iter().chain(injected).collect();
        Ok(Self { program, secret, nonce: u64::from_ne_bytes(random()?) })
    }

    /// Returns what else no application knows, for a register of a call under way: apart from the secret, so that
    /// who guesses one learns nothing of the other.
    pub(super) fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Returns the arguments of a call that is to be injected, signed.
    pub(super) fn sign(&self, args: [u64; 6]) -> [u64; 6] {
        self.secret.sign(args)
    }
}

#[derive(Clone, Copy)]
struct Secret([u32; SIGNED.len()]);

impl Secret {
    fn new() -> Result<Self, PlatformError> {
        let bytes: [u8; size_of::<[u32; SIGNED.len()]>()] = random()?;
        let (words, _) = bytes.as_chunks();
        Ok(Self(std::array::from_fn(|at| u32::from_ne_bytes(words[at]))))
    }

    fn sign(self, mut args: [u64; 6]) -> [u64; 6] {
        for (at, part) in SIGNED.into_iter().zip(self.0) {
            args[at] = args[at] & !UPPER | u64::from(part) << HALF;
        }
        args
    }

    /// Returns the calls that are injected.
    fn calls(self) -> Result<BTreeMap<i64, Vec<SeccompRule>>, PlatformError> {
        let anything = [UPPER; SIGNED.len()];
        // mmap(…, MAP_SHARED | MAP_FIXED [| MAP_POPULATE], …)
        let (shared, mut of_flags) = (libc::MAP_SHARED | libc::MAP_FIXED, anything);
        of_flags[1] = !(libc::MAP_POPULATE as u64);
        // rseq(…, RSEQ_FLAG_UNREGISTER, …)
        let mut unregister = anything;
        unregister[0] = !0;
        Ok(BTreeMap::from([
            (libc::SYS_mmap, vec![self.rule(of_flags, [0, 0, 0, shared as u64, 0, 0])?]),
            (libc::SYS_munmap, vec![self.rule(anything, [0; 6])?]),
            (libc::SYS_rseq, vec![self.rule(unregister, [0, 0, 1, 0, 0, 0])?]),
        ]))
    }

    /// Returns what a call must be: its signed arguments, as far as `masks` say, those of `args`.
    fn rule(
        self,
        masks: [u64; SIGNED.len()],
        args: [u64; 6],
    ) -> Result<SeccompRule, PlatformError> {
        let signed = self.sign(args);
        let conditions = SIGNED.into_iter().zip(masks).map(|(at, mask)| {
            let (index, op) = (at as u8, SeccompCmpOp::MaskedEq(mask));
            SeccompCondition::new(index, SeccompCmpArgLen::Qword, op, signed[at]).map_err(refused)
        });
        SeccompRule::new(conditions.collect::<Result<_, _>>()?).map_err(refused)
    }
}

fn random<const N: usize>() -> Result<[u8; N], PlatformError> {
    let mut bytes = [0; N];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).map_err(refused)?;
    Ok(bytes)
}

/// Returns what is decided before the calls are looked at: those of another architecture stop the
/// application, those through the vsyscall page become a signal.
fn strangers() -> [sock_filter; 6] {
    /// Offsets in `struct seccomp_data`.
    const ARCH: u32 = 4;
    const PC_UPPER: u32 = 12;
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let next = |code, k| sock_filter { code, jt: 0, jf: 0, k };
    [
        next(LOAD, ARCH),
        sock_filter { code: IF_EQUAL, jt: 1, jf: 0, k: arch::AUDIT_ARCH_NATIVE },
        next(RETURN, libc::SECCOMP_RET_TRACE),
        next(LOAD, PC_UPPER),
        // User space has no other address that high.
        sock_filter { code: IF_EQUAL, jt: 0, jf: 1, k: u32::MAX },
        next(RETURN, libc::SECCOMP_RET_TRAP),
    ]
}

fn refused(error: impl std::fmt::Display) -> PlatformError {
    PlatformError { what: format!("the stub's system call filter ({error})"), errno: Errno::EINVAL }
}
