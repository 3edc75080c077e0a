//! aarch64: `struct rt_sigframe` of Linux, and above it a frame record for unwinders.
//!
//! A handler returns through the program's own restorer; the one of a vDSO, which most programs
//! rely on here, does not exist, and delivery fails without.

use kernel_task::{CurrentTask, SigSet};
use platform::Registers;
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::actions::StackT;
use super::frame::{Delivery, Restored, SigInfoT};

/// Linux's `MINSIGSTKSZ`.
pub(super) const MIN_STACK: u64 = 5120;

const SA_RESTORER: u64 = 0x0400_0000;

/// The condition flags N, Z, C and V, which a handler may change.
const RESTORED_FLAGS: u64 = 0xf000_0000;

/// `FPSIMD_MAGIC` and the size of its record.
const FPSIMD: [u32; 2] = [0x4650_8001, 528];

/// The floating-point state as the host keeps it: 32 registers of 16 bytes, FPSR, FPCR and two
/// unused words.
const STATE: usize = 528;
const VECTORS: usize = 512;

/// `struct rt_sigframe` with `struct ucontext` and `struct sigcontext` inside it.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
#[repr(C)]
struct RtSigframe {
    info: SigInfoT,
    flags: u64,
    link: u64,
    stack: StackT,
    mask: u64,
    /// Room for a larger mask, and alignment to 16.
    unused: [u64; 16],
    fault_address: u64,
    general: [u64; 31],
    sp: u64,
    pc: u64,
    state: u64,
    padding: u64,
    records: [u8; 4096],
    /// The frame record: the interrupted frame and where it goes on.
    frame_record: [u64; 2],
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
    let top = delivery.stack_top(registers.sp) & !15;
    let at = top.wrapping_sub(size_of::<RtSigframe>() as u64) & !15;
    let fault_address = match delivery.info.detail {
        kernel_task::SigDetail::Fault { addr } => addr,
        _ => 0,
    };
    let [.., frame_pointer, link] = registers.general;
    let frame = RtSigframe {
        info: SigInfoT::from(delivery.info),
        flags: 0,
        link: 0,
        stack: StackT::saved(delivery.alt_stack),
        mask: delivery.mask.0,
        unused: [0; 16],
        fault_address,
        general: registers.general,
        sp: registers.sp,
        pc: registers.pc,
        state: registers.flags,
        padding: 0,
        records: records(state),
        frame_record: [frame_pointer, link],
    };
    task.copy_out(Addr::new(at), &frame)?;

    let mut entry = *registers;
    let [x0, x1, x2, .., x29, x30] = &mut entry.general;
    *x0 = delivery.info.signal as u64;
    *x1 = at;
    *x2 = at + std::mem::offset_of!(RtSigframe, flags) as u64;
    *x29 = at + std::mem::offset_of!(RtSigframe, frame_record) as u64;
    *x30 = delivery.action.restorer;
    entry.sp = at;
    entry.pc = delivery.action.handler;
    Ok(entry)
}

/// Returns the records of a frame: the floating-point state, when it is known, and an end.
fn records(state: &[u8]) -> [u8; 4096] {
    let mut records = [0; 4096];
    let (Some(vectors), Some(control)) = (state.get(..VECTORS), state.get(VECTORS..VECTORS + 8))
    else {
        return records;
    };
    let parts = [FPSIMD.as_bytes(), control, vectors].concat();
    for (to, from) in records.iter_mut().zip(parts) {
        *to = from;
    }
    records
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
    let frame: RtSigframe = task.copy_in(Addr::new(registers.sp))?;
    let restored = Registers {
        general: frame.general,
        pc: frame.pc,
        sp: frame.sp,
        flags: registers.flags & !RESTORED_FLAGS | frame.state & RESTORED_FLAGS,
        ..*registers
    };
    let [result, ..] = frame.general;
    Ok(Restored {
        result,
        registers: restored,
        state: state_of(&frame.records).filter(|state| state.len() == state_len),
        mask: SigSet(frame.mask),
        stack: frame.stack,
    })
}

/// Returns the floating-point state that a frame's first record holds.
fn state_of(records: &[u8]) -> Option<Vec<u8>> {
    let (magic, rest) = records.split_at_checked(8)?;
    let (control, rest) = rest.split_at_checked(8)?;
    if magic != FPSIMD.as_bytes() {
        return None;
    }
    let mut state = rest.get(..VECTORS)?.to_vec();
    state.extend_from_slice(control);
    state.resize(STATE, 0);
    Some(state)
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn layouts_are_those_of_linux() {
        assert_eq!(offset_of!(RtSigframe, flags), 128);
        assert_eq!(offset_of!(RtSigframe, fault_address), 128 + 176);
        assert_eq!(offset_of!(RtSigframe, records), 128 + 176 + 288);
        assert_eq!(offset_of!(RtSigframe, frame_record), 4688);
        assert_eq!(size_of::<RtSigframe>(), 4704);
    }

    #[test]
    fn floating_point_state_survives_a_frame() {
        let state: Vec<u8> = (0..520u32).map(|byte| byte as u8).chain([0; 8]).collect();
        assert_eq!(state_of(&records(&state)), Some(state));
        assert_eq!(state_of(&records(&[])), None);
    }
}
