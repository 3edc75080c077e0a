//! Delivering signals: the end of the program, nothing, or a handler.
//!
//! When the platform fails here, nothing is done: the switch that follows fails for the same
//! reason and ends the program.

use kernel_task::{
    AltStack, CurrentTask, Disposition, ExitStatus, SigDetail, SigInfo, SigSet, SignalAction,
};
use platform::PlatformError;
use smallvec::SmallVec;
use usermem_types::Errno;

use super::actions::{SS_AUTODISARM, set_alt_stack};
use super::arch;
use super::frame::Delivery;
use crate::time::expire_timers;
use crate::{Args, SysResult};

const SA_NODEFER: u64 = 0x4000_0000;
const SA_RESETHAND: u64 = 0x8000_0000;
const SI_KERNEL: i32 = 0x80;

/// Delivers the signals that are pending and not blocked; to be called before the application
/// goes on, after the result of a system call has been set. Returns the signals that it took.
pub(crate) fn deliver_pending(task: &mut CurrentTask) -> SmallVec<[SigInfo; 1]> {
    let mut taken = SmallVec::new();
    expire_timers(task);
    while task.exit_status().is_none() {
        let mut signals = task.task().signals().lock();
        let unblocked = SigSet(!signals.mask.0);
        let Some(info) = signals.take(unblocked) else {
            // The wait that replaced the mask is over, and what it blocked may come now.
            match signals.saved_mask.take() {
                Some(mask) => signals.mask = mask,
                None => break,
            }
            continue;
        };
        let disposition = signals.disposition(info.signal);
        drop(signals);
        taken.push(info);
        match disposition {
            Disposition::Ignore => {}
            Disposition::Terminate => task.exit(ExitStatus::Signal(info.signal)),
            Disposition::Stop => stop(),
            Disposition::Handler(action) => {
                if run_handler(task, info, action).is_err() {
                    break;
                }
            }
        }
    }
    taken
}

/// Stops us, and the program with us, until the host's SIGCONT.
fn stop() {
    let own = rustix::process::getpid();
    // A process may always stop itself.
    let _ = rustix::process::kill_process(own, rustix::process::Signal::STOP);
}

/// Delivers a signal that the program's own instruction raised. One that is blocked or ignored
/// ends the program: going on would raise it again.
pub(crate) fn deliver_fault(task: &mut CurrentTask, signal: i32, code: i32, addr: u64) {
    force(task, SigInfo { signal, code, detail: SigDetail::Fault { addr } });
}

fn force(task: &mut CurrentTask, info: SigInfo) {
    let signals = task.task().signals().lock();
    let blocked = signals.mask.contains(info.signal);
    let disposition = signals.disposition(info.signal);
    drop(signals);
    match disposition {
        Disposition::Handler(action) if !blocked => {
            // A failure of the platform shows at the next switch.
            let _ = run_handler(task, info, action);
        }
        _ => task.exit(ExitStatus::Signal(info.signal)),
    }
}

/// Makes the application run a handler when it goes on.
fn run_handler(
    task: &mut CurrentTask,
    info: SigInfo,
    action: SignalAction,
) -> Result<(), PlatformError> {
    let registers = task.context().registers()?;
    let state = extended_state(task)?;
    let mut signals = task.task().signals().lock();
    let mask = signals.saved_mask.take().unwrap_or(signals.mask);
    let delivery = Delivery { info, action, mask, alt_stack: signals.alt_stack };
    if action.flags & SA_RESETHAND != 0 {
        signals.set_action(info.signal, SignalAction { handler: 0, ..action });
    }
    drop(signals);
    let Ok(entry) = arch::push(task, &registers, &state, &delivery) else {
        // As a fault of the program on its own stack.
        let fault = SigInfo { signal: libc::SIGSEGV, code: SI_KERNEL, detail: SigDetail::Kernel };
        if info.signal == libc::SIGSEGV {
            task.exit(ExitStatus::Signal(libc::SIGSEGV));
        } else {
            force(task, fault);
        }
        return Ok(());
    };
    let mut signals = task.task().signals().lock();
    let own = if action.flags & SA_NODEFER == 0 { SigSet::of(info.signal) } else { SigSet(0) };
    let blocked = SigSet(signals.mask.0 | action.mask.0 | own.0);
    signals.set_mask(blocked);
    if signals.alt_stack.flags & SS_AUTODISARM != 0 {
        signals.alt_stack = AltStack::DISABLED;
    }
    drop(signals);
    task.context().set_registers(&entry)
}

/// Returns the extended state; empty where the platform keeps none.
fn extended_state(task: &mut CurrentTask) -> Result<Vec<u8>, PlatformError> {
    match task.context().extended_state() {
        Err(error) if error.errno == Errno::ENOSYS => Ok(Vec::new()),
        other => other,
    }
}

/// Returns from a handler: registers, mask and alternate stack become what the frame says, and
/// the result is what the result register was.
pub(crate) fn rt_sigreturn(task: &mut CurrentTask, _args: &Args) -> SysResult {
    match restore(task) {
        Ok(Some(result)) => return Ok(result),
        Ok(None) => {
            let detail = SigDetail::Kernel;
            force(task, SigInfo { signal: libc::SIGSEGV, code: SI_KERNEL, detail });
        }
        // The next switch tells.
        Err(_) => {}
    }
    // The handler of the fault, if there is one, starts with this in the result register.
    Ok(task.context().registers().map_or(0, |registers| registers.general[0]))
}

/// Restores what the frame says and returns the result register; `None` for a bad frame.
fn restore(task: &mut CurrentTask) -> Result<Option<u64>, PlatformError> {
    let registers = task.context().registers()?;
    let state_len = extended_state(task)?.len();
    let Ok(restored) = arch::pop(task, &registers, state_len) else { return Ok(None) };
    if let Some(state) = &restored.state
        && task.context().set_extended_state(state).is_err()
    {
        return Ok(None);
    }
    task.context().set_registers(&restored.registers)?;
    let mut signals = task.task().signals().lock();
    signals.set_mask(restored.mask);
    // A stack that is refused is left as it was, as Linux does.
    let _ = set_alt_stack(&mut signals, restored.stack, restored.registers.sp);
    Ok(Some(restored.result))
}
