//! What the program says about signals: actions, mask, alternate stack.

use kernel_task::{AltStack, CurrentTask, Disposition, SigSet, SignalAction, Signals};
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{arch, copy_in_set};
use crate::{Args, SysResult};

/// The `SA_*` flags that Linux keeps: NOCLDSTOP, NOCLDWAIT, SIGINFO, EXPOSE_TAGBITS, RESTORER,
/// ONSTACK, RESTART, NODEFER, RESETHAND. A program finds out what is known by reading back.
const KNOWN_FLAGS: u64 = 0x1 | 0x2 | 0x4 | 0x800 | 0x0400_0000 | 0x0800_0000 | 0xd000_0000;

/// `SS_ONSTACK`: the thread runs on the alternate stack.
const SS_ONSTACK: u32 = 1;
/// `SS_DISABLE`: there is no alternate stack.
const SS_DISABLE: u32 = 2;
/// `SS_AUTODISARM`: the alternate stack is forgotten while a handler runs on it.
pub(super) const SS_AUTODISARM: u32 = 1 << 31;

/// `struct kernel_sigaction`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct KernelSigaction {
    handler: u64,
    flags: u64,
    restorer: u64,
    mask: u64,
}

pub(crate) fn rt_sigaction(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.raw(3) != 8 {
        return Err(Errno::EINVAL);
    }
    let new: Option<KernelSigaction> = match args.addr(1) {
        Addr::ZERO => None,
        addr => Some(task.copy_in(addr)?),
    };
    let signal = args.int(0);
    let mut signals = task.task().signals().lock();
    let old = signals.action(signal).ok_or(Errno::EINVAL)?;
    if let Some(new) = new {
        if SigSet::UNBLOCKABLE.contains(signal) {
            return Err(Errno::EINVAL);
        }
        signals.set_action(
            signal,
            SignalAction {
                handler: new.handler,
                flags: new.flags & KNOWN_FLAGS,
                restorer: new.restorer,
                mask: SigSet(new.mask & !SigSet::UNBLOCKABLE.0),
            },
        );
        if signals.disposition(signal) == Disposition::Ignore {
            signals.discard(signal);
        }
    }
    drop(signals);
    if args.addr(2) != Addr::ZERO {
        let old = KernelSigaction {
            handler: old.handler,
            flags: old.flags,
            restorer: old.restorer,
            mask: old.mask.0,
        };
        task.copy_out(args.addr(2), &old)?;
    }
    Ok(0)
}

pub(crate) fn rt_sigprocmask(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.raw(3) != 8 {
        return Err(Errno::EINVAL);
    }
    let old = task.task().signals().lock().mask;
    if args.addr(1) != Addr::ZERO {
        let set = copy_in_set(task, args.addr(1), args.raw(3))?.0;
        let new = match args.int(0) {
            libc::SIG_BLOCK => old.0 | set,
            libc::SIG_UNBLOCK => old.0 & !set,
            libc::SIG_SETMASK => set,
            _ => return Err(Errno::EINVAL),
        };
        task.task().signals().lock().set_mask(SigSet(new));
    }
    if args.addr(2) != Addr::ZERO {
        task.copy_out(args.addr(2), &old.0)?;
    }
    Ok(0)
}

pub(crate) fn rt_sigpending(task: &mut CurrentTask, args: &Args) -> SysResult {
    let size = usize::try_from(args.raw(1)).map_err(|_| Errno::EINVAL)?;
    let signals = task.task().signals().lock();
    let set = (signals.pending().0 & signals.mask.0).to_le_bytes();
    drop(signals);
    let set = set.get(..size).ok_or(Errno::EINVAL)?;
    if !set.is_empty() {
        task.copy_out(args.addr(0), set)?;
    }
    Ok(0)
}

/// `stack_t`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct StackT {
    base: u64,
    flags: u32,
    padding: u32,
    size: u64,
}

impl StackT {
    /// Returns the alternate stack as it is stored in a signal frame.
    pub(super) fn saved(stack: AltStack) -> Self {
        Self { base: stack.base.get(), flags: stack.flags, padding: 0, size: stack.size }
    }
}

pub(crate) fn sigaltstack(task: &mut CurrentTask, args: &Args) -> SysResult {
    let new: Option<StackT> = match args.addr(0) {
        Addr::ZERO => None,
        addr => Some(task.copy_in(addr)?),
    };
    // When the platform is gone, the next switch tells.
    let sp = task.context().registers().map_or(0, |registers| registers.sp);
    let mut signals = task.task().signals().lock();
    let old = signals.alt_stack;
    if let Some(new) = new {
        set_alt_stack(&mut signals, new, sp)?;
    }
    drop(signals);
    if args.addr(1) != Addr::ZERO {
        let state = match (old.size, on_alt_stack(old, sp)) {
            (0, _) => SS_DISABLE,
            (_, true) => SS_ONSTACK,
            (_, false) => 0,
        };
        let flags = state | old.flags & SS_AUTODISARM;
        task.copy_out(args.addr(1), &StackT { flags, ..StackT::saved(old) })?;
    }
    Ok(0)
}

/// Changes the alternate stack of a thread whose stack pointer is `sp`.
///
/// # Errors
/// `EPERM` while the thread runs on the alternate stack; `EINVAL` for unknown flags; `ENOMEM` for
/// too small a stack.
pub(super) fn set_alt_stack(signals: &mut Signals, new: StackT, sp: u64) -> Result<(), Errno> {
    if on_alt_stack(signals.alt_stack, sp) {
        return Err(Errno::EPERM);
    }
    let old = signals.alt_stack;
    if (old.base.get(), old.size) == (new.base, new.size)
        && (old.flags == new.flags || (old.size == 0 && new.flags == 0))
    {
        // Linux leaves a stack that stays as it is unchecked.
        return Ok(());
    }
    let (base, size) = match new.flags & !SS_AUTODISARM {
        SS_DISABLE => (0, 0),
        0 | SS_ONSTACK if new.size < arch::MIN_STACK => return Err(Errno::ENOMEM),
        0 | SS_ONSTACK => (new.base, new.size),
        _ => return Err(Errno::EINVAL),
    };
    signals.alt_stack = AltStack { base: Addr::new(base), size, flags: new.flags };
    Ok(())
}

/// Returns whether a stack pointer is in the alternate stack. One that is forgotten while in use
/// counts as not in use.
pub(super) fn on_alt_stack(stack: AltStack, sp: u64) -> bool {
    let base = stack.base.get();
    stack.flags & SS_AUTODISARM == 0 && sp > base && sp - base <= stack.size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(base: u64, size: u64, flags: u32) -> StackT {
        StackT { base, size, flags, padding: 0 }
    }

    #[test]
    fn layouts() {
        assert_eq!(size_of::<KernelSigaction>(), 32);
        assert_eq!(size_of::<StackT>(), 24);
    }

    #[test]
    fn the_alternate_stack_is_checked_like_linux_does() {
        let mut signals = Signals::default();
        assert_eq!(set_alt_stack(&mut signals, stack(0x1000, 0x100, 0), 0), Err(Errno::ENOMEM));
        assert_eq!(set_alt_stack(&mut signals, stack(0x1000, 0x4000, 4), 0), Err(Errno::EINVAL));
        assert_eq!(set_alt_stack(&mut signals, stack(0x1000, 0x4000, 0), 0), Ok(()));
        // The top is in, the base is not: a stack grows down from the top.
        for (sp, inside) in [(0x1000, false), (0x1001, true), (0x5000, true), (0x5001, false)] {
            assert_eq!(on_alt_stack(signals.alt_stack, sp), inside, "{sp:#x}");
        }
        assert_eq!(set_alt_stack(&mut signals, stack(0, 0, SS_DISABLE), 0x2000), Err(Errno::EPERM));
        assert_eq!(set_alt_stack(&mut signals, stack(9, 9, SS_DISABLE), 0), Ok(()));
        assert_eq!(signals.alt_stack, AltStack::DISABLED);
    }
}
