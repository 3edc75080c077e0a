//! Signal dispositions, masks, and signals that wait.

use std::time::Duration;

use usermem_types::Addr;

/// A set of signals; bit `n - 1` is signal `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SigSet(pub u64);

impl SigSet {
    /// SIGKILL and SIGSTOP, which can be neither blocked, caught nor ignored.
    pub const UNBLOCKABLE: Self = Self(1 << (9 - 1) | 1 << (19 - 1));

    /// Returns the set of one signal; empty for a number that is none.
    #[must_use]
    pub const fn of(signal: i32) -> Self {
        if signal >= 1 && signal <= 64 { Self(1 << (signal - 1)) } else { Self(0) }
    }

    /// Returns whether a signal is in the set.
    #[must_use]
    pub fn contains(self, signal: i32) -> bool {
        (1..=64).contains(&signal) && self.0 & (1 << (signal - 1)) != 0
    }
}

/// What `rt_sigaction` stores for a signal, as the program gave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalAction {
    /// The handler: 0 default, 1 ignore, otherwise its address.
    pub handler: u64,
    /// The `SA_*` flags.
    pub flags: u64,
    /// The address of the restorer.
    pub restorer: u64,
    /// Signals blocked while the handler runs.
    pub mask: SigSet,
}

/// What happens when a signal arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The program ends.
    Terminate,
    /// Nothing.
    Ignore,
    /// The program stops.
    Stop,
    /// A handler of the program runs.
    Handler(SignalAction),
}

/// The alternate signal stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AltStack {
    /// The lowest address.
    pub base: Addr,
    /// The size in bytes.
    pub size: u64,
    /// The `SS_*` flags.
    pub flags: u32,
}

impl AltStack {
    /// `SS_DISABLE`: there is no alternate stack.
    pub const DISABLED: Self = Self { base: Addr::ZERO, size: 0, flags: 2 };
}

/// What a signal tells its receiver: the fields of `siginfo_t` that are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigInfo {
    /// The signal.
    pub signal: i32,
    /// The `si_code`.
    pub code: i32,
    /// What depends on the code.
    pub detail: SigDetail,
}

/// The part of `siginfo_t` that depends on where a signal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigDetail {
    /// The kernel; nothing to add.
    Kernel,
    /// A process: its id and user.
    Sender {
        /// `si_pid`.
        pid: i32,
        /// `si_uid`.
        uid: u32,
    },
    /// An instruction that faulted.
    Fault {
        /// `si_addr`.
        addr: u64,
    },
}

/// The timer of `setitimer(ITIMER_REAL)` and `alarm(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RealTimer {
    /// When it expires next, on the monotonic clock; `None` when it is not armed.
    pub deadline: Option<Duration>,
    /// The time between expirations; zero for a single one.
    pub interval: Duration,
}

/// How many signals may wait. Only real-time signals can come to more than one each.
const QUEUE_LIMIT: usize = 1024;

/// Signals below this number wait once at most.
const FIRST_REAL_TIME: i32 = 32;

/// The signals that faults raise: SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE and SIGSYS. They are
/// taken before others.
const SYNCHRONOUS: SigSet = SigSet(
    1 << (11 - 1) | 1 << (7 - 1) | 1 << (4 - 1) | 1 << (5 - 1) | 1 << (8 - 1) | 1 << (31 - 1),
);

/// Dispositions, mask, pending signals, alternate stack and timer of a task.
#[derive(Clone, Debug)]
pub struct Signals {
    actions: [SignalAction; 64],
    /// The blocked signals.
    pub mask: SigSet,
    /// The mask to return to once a call that replaced it for its own duration (`rt_sigsuspend`,
    /// `ppoll`) is over.
    pub saved_mask: Option<SigSet>,
    /// The alternate stack.
    pub alt_stack: AltStack,
    /// The timer that raises SIGALRM.
    pub real_timer: RealTimer,
    queue: Vec<SigInfo>,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            actions: [SignalAction::default(); 64],
            mask: SigSet::default(),
            saved_mask: None,
            alt_stack: AltStack::DISABLED,
            real_timer: RealTimer::default(),
            queue: Vec::new(),
        }
    }
}

impl Signals {
    /// Returns what a new program begins with: what its caller ignored and blocked stays ignored and
    /// blocked, everything else is as usual (`execve(2)`).
    #[must_use]
    pub fn inherited(ignored: SigSet, blocked: SigSet) -> Self {
        let mut signals = Self::default();
        for signal in (1..=64).filter(|signal| ignored.contains(*signal)) {
            signals.set_action(signal, SignalAction { handler: 1, ..SignalAction::default() });
        }
        signals.set_mask(blocked);
        signals
    }

    /// Returns the action of a signal, 1 to 64; `None` for another number.
    #[must_use]
    pub fn action(&self, signal: i32) -> Option<SignalAction> {
        let index = usize::try_from(signal.checked_sub(1)?).ok()?;
        self.actions.get(index).copied()
    }

    /// Replaces the action of a signal, 1 to 64; another number is left alone.
    pub fn set_action(&mut self, signal: i32, action: SignalAction) {
        let index = signal.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        if let Some(slot) = index.and_then(|index| self.actions.get_mut(index)) {
            *slot = action;
        }
    }

    /// Returns what happens when a signal arrives, per `signal(7)`.
    #[must_use]
    pub fn disposition(&self, signal: i32) -> Disposition {
        let Some(action) = self.action(signal) else { return Disposition::Ignore };
        match action.handler {
            0 => match signal {
                17 | 18 | 23 | 28 => Disposition::Ignore,
                19..=22 => Disposition::Stop,
                _ => Disposition::Terminate,
            },
            1 => Disposition::Ignore,
            _ => Disposition::Handler(action),
        }
    }

    /// Replaces the mask; SIGKILL and SIGSTOP stay unblocked.
    pub fn set_mask(&mut self, mask: SigSet) {
        self.mask = SigSet(mask.0 & !SigSet::UNBLOCKABLE.0);
    }

    /// Returns the signals that wait to be taken.
    #[must_use]
    pub fn pending(&self) -> SigSet {
        SigSet(self.queue.iter().fold(0, |set, info| set | SigSet::of(info.signal).0))
    }

    /// Returns whether a signal waits that is neither blocked nor ignored: one that ends a wait.
    #[must_use]
    pub fn has_deliverable(&self) -> bool {
        self.queue.iter().any(|info| {
            !self.mask.contains(info.signal) && self.disposition(info.signal) != Disposition::Ignore
        })
    }

    /// Lets a signal, 1 to 64, wait until it is taken. One that would be ignored is dropped at
    /// once, unless it is blocked; one below the real-time signals waits once only.
    ///
    /// Returns whether there was room.
    pub fn queue(&mut self, info: SigInfo) -> bool {
        let ignored = self.disposition(info.signal) == Disposition::Ignore;
        if ignored && !self.mask.contains(info.signal) {
            return true;
        }
        if info.signal < FIRST_REAL_TIME && self.pending().contains(info.signal) {
            return true;
        }
        if self.queue.len() >= QUEUE_LIMIT {
            return false;
        }
        self.queue.push(info);
        true
    }

    /// Takes the next waiting signal of a set: those of faults first, then by number, equal ones
    /// as they came.
    pub fn take(&mut self, among: SigSet) -> Option<SigInfo> {
        let index = (0..)
            .zip(&self.queue)
            .filter(|(_, info)| among.contains(info.signal))
            .min_by_key(|(_, info)| (!SYNCHRONOUS.contains(info.signal), info.signal))
            .map(|(index, _)| index)?;
        Some(self.queue.remove(index))
    }

    /// Forgets a waiting signal, as making it ignored does.
    pub fn discard(&mut self, signal: i32) {
        self.queue.retain(|info| info.signal != signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(signal: i32, pid: i32) -> SigInfo {
        SigInfo { signal, code: 0, detail: SigDetail::Sender { pid, uid: 0 } }
    }

    #[test]
    fn standard_signals_wait_once_and_faults_come_first() {
        let mut signals = Signals { mask: SigSet(!0), ..Signals::default() };
        for (signal, pid) in [(15, 1), (15, 2), (34, 3), (34, 4), (11, 5), (2, 6)] {
            assert!(signals.queue(info(signal, pid)));
        }
        assert!(!signals.has_deliverable());
        let taken: Vec<_> = std::iter::from_fn(|| signals.take(SigSet(!0))).collect();
        assert_eq!(taken, [info(11, 5), info(2, 6), info(15, 1), info(34, 3), info(34, 4)]);
    }

    #[test]
    fn what_the_caller_ignored_and_blocked_is_inherited() {
        let signals = Signals::inherited(SigSet::of(1), SigSet(!0));
        assert_eq!(signals.disposition(1), Disposition::Ignore);
        assert_eq!(signals.disposition(2), Disposition::Terminate);
        assert_eq!(signals.mask, SigSet(!SigSet::UNBLOCKABLE.0));
    }

    #[test]
    fn ignored_signals_wait_only_while_blocked() {
        let mut signals = Signals::default();
        assert!(signals.queue(info(17, 1)));
        assert_eq!(signals.pending(), SigSet(0));
        signals.mask = SigSet::of(17);
        assert!(signals.queue(info(17, 1)));
        assert_eq!(signals.pending(), SigSet(1 << 16));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut signals = Signals { mask: SigSet(!0), ..Signals::default() };
        let taken = (0..2000).filter(|n| signals.queue(info(40, *n))).count();
        assert_eq!(taken, 1024);
    }
}
