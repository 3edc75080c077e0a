//! x86-64: `struct rt_sigframe` of Linux, as the System V ABI's unwinders and `libc` know it.
//!
//! From high to low addresses: the application's stack, 128 bytes that belong to the function
//! that was interrupted (the red zone), the extended state at a multiple of 64, the frame at a
//! multiple of 16 less 8. The frame starts with the address that the handler returns to.

use kernel_task::{CurrentTask, SigSet};
use platform::Registers;
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::actions::StackT;
use super::frame::{Delivery, Restored, SigInfoT};

/// Linux's `MINSIGSTKSZ`.
pub(super) const MIN_STACK: u64 = 2048;

const RED_ZONE: u64 = 128;
const USER_CS: u16 = 0x33;
const USER_SS: u16 = 0x2b;

/// `UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`.
const UC_FLAGS: u64 = 7;
const UC_FP_XSTATE: u64 = 1;

const SA_RESTORER: u64 = 0x0400_0000;

/// The flags that a handler may change: CF PF AF ZF SF TF DF OF RF AC.
const RESTORED_FLAGS: u64 = 0x5_0dd5;
/// The flags that are clear when a handler starts: TF, DF and RF.
const CLEARED_FLAGS: u64 = 0x1_0500;

/// The legacy part of an XSAVE area.
const LEGACY: usize = 512;
/// Where the software's own bytes of the legacy part are.
const SW_BYTES: usize = 464;
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;
/// Where the legacy part has MXCSR, and the bits that every processor has.
const MXCSR: usize = 24;
const MXCSR_MASK: u32 = 0xffbf;

/// `struct sigcontext`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
#[repr(C)]
struct Sigcontext {
    /// r8 to r15.
    high: [u64; 8],
    rdi: u64,
    rsi: u64,
    rbp: u64,
    rbx: u64,
    rdx: u64,
    rax: u64,
    rcx: u64,
    rsp: u64,
    rip: u64,
    flags: u64,
    cs: u16,
    gs: u16,
    fs: u16,
    ss: u16,
    error: u64,
    trap: u64,
    old_mask: u64,
    cr2: u64,
    extended_state: u64,
    reserved: [u64; 8],
}

/// `struct ucontext`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
#[repr(C)]
struct Ucontext {
    flags: u64,
    link: u64,
    stack: StackT,
    context: Sigcontext,
    mask: u64,
}

/// `struct rt_sigframe`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
#[repr(C)]
struct RtSigframe {
    return_address: u64,
    context: Ucontext,
    info: SigInfoT,
}

/// `struct _fpx_sw_bytes`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
#[repr(C)]
struct SwBytes {
    magic1: u32,
    extended_size: u32,
    features: u64,
    size: u32,
    padding: [u32; 7],
}

/// Writes a frame for a handler and returns the registers with which it starts.
///
/// # Errors
/// `EFAULT` when the stack cannot be written, or the program gave no address for the handler to
/// return to.
pub(super) fn push(
    task: &CurrentTask,
    registers: &Registers,
    state: &[u8],
    delivery: &Delivery,
) -> Result<Registers, Errno> {
    if delivery.action.flags & SA_RESTORER == 0 {
        return Err(Errno::EFAULT);
    }
    let mut at = delivery.stack_top(registers.sp.wrapping_sub(RED_ZONE));
    let mut extended_state = 0;
    if state.len() > LEGACY {
        at = at.wrapping_sub(state.len() as u64 + 4) & !63;
        extended_state = at;
        task.copy_out(Addr::new(at), sign_state(state).as_slice())?;
    }
    at = (at.wrapping_sub(size_of::<RtSigframe>() as u64) & !15).wrapping_sub(8);
    let frame = RtSigframe {
        return_address: delivery.action.restorer,
        context: Ucontext {
            flags: if extended_state == 0 { UC_FLAGS & !UC_FP_XSTATE } else { UC_FLAGS },
            link: 0,
            stack: StackT::saved(delivery.alt_stack),
            context: save(registers, delivery, extended_state),
            mask: delivery.mask.0,
        },
        info: SigInfoT::from(delivery.info),
    };
    task.copy_out(Addr::new(at), &frame)?;

    let mut entry = *registers;
    let [rax, _, _, rdx, rsi, rdi, ..] = &mut entry.general;
    *rax = 0;
    *rdi = delivery.info.signal as u64;
    *rsi = at + std::mem::offset_of!(RtSigframe, info) as u64;
    *rdx = at + std::mem::offset_of!(RtSigframe, context) as u64;
    entry.sp = at;
    entry.pc = delivery.action.handler;
    entry.flags &= !CLEARED_FLAGS;
    Ok(entry)
}

fn save(registers: &Registers, delivery: &Delivery, extended_state: u64) -> Sigcontext {
    let [rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, ..] =
        registers.general;
    let (trap, error, cr2) = delivery.trap();
    Sigcontext {
        high: [r8, r9, r10, r11, r12, r13, r14, r15],
        rdi,
        rsi,
        rbp,
        rbx,
        rdx,
        rax,
        rcx,
        rsp: registers.sp,
        rip: registers.pc,
        flags: registers.flags,
        cs: USER_CS,
        gs: 0,
        fs: 0,
        ss: USER_SS,
        error,
        trap,
        old_mask: delivery.mask.0,
        cr2,
        extended_state,
        reserved: [0; 8],
    }
}

impl Delivery {
    /// Returns number and error code of the processor's exception, and the address of a page
    /// fault. The error code says user mode; whether it was a write is not known here.
    fn trap(&self) -> (u64, u64, u64) {
        let kernel_task::SigDetail::Fault { addr } = self.info.detail else { return (0, 0, 0) };
        match self.info.signal {
            libc::SIGFPE => (0, 0, 0),
            libc::SIGILL => (6, 0, 0),
            libc::SIGTRAP => (3, 0, 0),
            // A page fault has an address of its own; a general protection fault does not.
            libc::SIGSEGV | libc::SIGBUS if matches!(self.info.code, 1 | 2) => (14, 4, addr),
            _ => (13, 0, 0),
        }
    }
}

/// Returns the extended state with the marks by which a reader knows how long it is.
fn sign_state(state: &[u8]) -> Vec<u8> {
    let mut signed = state.to_vec();
    // The host stores the features that it saved where we sign.
    let features = signed.get(SW_BYTES..).and_then(|at| u64::read_from_prefix(at).ok());
    let marks = SwBytes {
        magic1: MAGIC1,
        extended_size: state.len() as u32 + 4,
        features: features.map_or(0, |(features, _)| features),
        size: state.len() as u32,
        padding: [0; 7],
    };
    if let Some(at) = signed.get_mut(SW_BYTES..LEGACY) {
        at.copy_from_slice(marks.as_bytes());
    }
    signed.extend_from_slice(&MAGIC2.to_le_bytes());
    signed
}

/// Reads back the frame of the handler that is returning. `state_len` is the length of the
/// extended state of this machine.
///
/// # Errors
/// `EFAULT` when the frame cannot be read.
pub(super) fn pop(
    task: &CurrentTask,
    registers: &Registers,
    state_len: usize,
) -> Result<Restored, Errno> {
    // The handler's return has taken the return address off the stack.
    let frame: RtSigframe = task.copy_in(Addr::new(registers.sp.wrapping_sub(8)))?;
    let saved = frame.context.context;
    let mut restored = *registers;
    let [rax, rbx, rcx, rdx, rsi, rdi, rbp, rest @ ..] = &mut restored.general;
    (*rax, *rbx, *rcx, *rdx) = (saved.rax, saved.rbx, saved.rcx, saved.rdx);
    (*rsi, *rdi, *rbp) = (saved.rsi, saved.rdi, saved.rbp);
    for (to, from) in rest.iter_mut().zip(saved.high) {
        *to = from;
    }
    restored.sp = saved.rsp;
    restored.pc = saved.rip;
    restored.flags = registers.flags & !RESTORED_FLAGS | saved.flags & RESTORED_FLAGS;
    let state = match saved.extended_state {
        0 => None,
        at => load_state(task, Addr::new(at), state_len)?,
    };
    Ok(Restored {
        result: saved.rax,
        registers: restored,
        state,
        mask: SigSet(frame.context.mask),
        stack: frame.context.stack,
    })
}

/// Reads the extended state that a handler leaves; `None` when it has lost its marks, and the
/// registers stay as they are.
fn load_state(task: &CurrentTask, at: Addr, len: usize) -> Result<Option<Vec<u8>>, Errno> {
    if len <= LEGACY {
        return Ok(None);
    }
    let mut state: Vec<u8> = task.copy_in_array(at, len + 4)?;
    let magic2 = state.split_off(len);
    let marks = state.get(SW_BYTES..).and_then(|at| SwBytes::read_from_prefix(at).ok());
    let Some((marks, _)) = marks else { return Ok(None) };
    if marks.magic1 != MAGIC1 || marks.size as usize != len || magic2 != MAGIC2.to_le_bytes() {
        return Ok(None);
    }
    // What the processor would refuse is masked, as Linux does.
    if let Some(at) = state.get_mut(MXCSR..MXCSR + 4) {
        let mxcsr = u32::read_from_bytes(at).unwrap_or(0) & MXCSR_MASK;
        at.copy_from_slice(&mxcsr.to_le_bytes());
    }
    Ok(Some(state))
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use kernel_task::{AltStack, SigDetail, SigInfo, SignalAction};

    use super::*;

    #[test]
    fn layouts_are_those_of_linux() {
        assert_eq!(size_of::<Sigcontext>(), 256);
        assert_eq!(size_of::<Ucontext>(), 304);
        assert_eq!(size_of::<RtSigframe>(), 440);
        assert_eq!(size_of::<SwBytes>(), 48);
        assert_eq!(offset_of!(Ucontext, context), offset_of!(libc::ucontext_t, uc_mcontext));
        assert_eq!(offset_of!(Ucontext, mask), offset_of!(libc::ucontext_t, uc_sigmask));
        let context = offset_of!(libc::ucontext_t, uc_mcontext);
        let register = |index: libc::c_int| index as usize * 8;
        assert_eq!(context, 40);
        assert_eq!(offset_of!(Sigcontext, rdi), register(libc::REG_RDI));
        assert_eq!(offset_of!(Sigcontext, rax), register(libc::REG_RAX));
        assert_eq!(offset_of!(Sigcontext, rsp), register(libc::REG_RSP));
        assert_eq!(offset_of!(Sigcontext, rip), register(libc::REG_RIP));
        assert_eq!(offset_of!(Sigcontext, flags), register(libc::REG_EFL));
        assert_eq!(offset_of!(Sigcontext, cs), register(libc::REG_CSGSFS));
        assert_eq!(offset_of!(Sigcontext, trap), register(libc::REG_TRAPNO));
        assert_eq!(offset_of!(Sigcontext, cr2), register(libc::REG_CR2));
        assert_eq!(offset_of!(Sigcontext, extended_state), 184);
    }

    #[test]
    fn registers_are_saved_where_their_names_say() {
        let mut general = [0; 31];
        for (value, register) in (100..).zip(&mut general) {
            *register = value;
        }
        let registers = Registers { general, pc: 1, sp: 2, flags: 0x246, ..Registers::default() };
        let delivery = Delivery {
            info: SigInfo { signal: 11, code: 1, detail: SigDetail::Fault { addr: 0xdead } },
            action: SignalAction::default(),
            mask: SigSet(5),
            alt_stack: AltStack::DISABLED,
        };
        let saved = save(&registers, &delivery, 0);
        assert_eq!((saved.rax, saved.rbx, saved.rcx, saved.rdx), (100, 101, 102, 103));
        assert_eq!((saved.rsi, saved.rdi, saved.rbp), (104, 105, 106));
        assert_eq!(saved.high, [107, 108, 109, 110, 111, 112, 113, 114]);
        assert_eq!((saved.rip, saved.rsp, saved.flags), (1, 2, 0x246));
        assert_eq!((saved.trap, saved.error, saved.cr2), (14, 4, 0xdead));
    }

    #[test]
    fn extended_state_is_signed_at_both_ends() {
        let mut state = vec![7; 832];
        state[SW_BYTES..SW_BYTES + 8].copy_from_slice(&0xe7u64.to_le_bytes());
        let signed = sign_state(&state);
        assert_eq!(signed.len(), 836);
        let (marks, _) = SwBytes::read_from_prefix(&signed[SW_BYTES..]).unwrap();
        assert_eq!((marks.magic1, marks.extended_size), (MAGIC1, 836));
        assert_eq!((marks.features, marks.size), (0xe7, 832));
        assert_eq!(signed[832..], MAGIC2.to_le_bytes());
        assert_eq!(signed[LEGACY..832], state[LEGACY..]);
    }
}
