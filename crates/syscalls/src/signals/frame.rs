//! What a handler finds on its stack: the parts that all machines share.

use kernel_task::{AltStack, SigDetail, SigInfo, SigSet, SignalAction};
use platform::Registers;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::actions::{StackT, on_alt_stack};

/// `siginfo_t`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct SigInfoT {
    signal: i32,
    errno: i32,
    code: i32,
    padding: i32,
    /// The address of a fault; or process id and user of the sender.
    detail: u64,
    unused: [u64; 13],
}

impl From<SigInfo> for SigInfoT {
    fn from(info: SigInfo) -> Self {
        let detail = match info.detail {
            SigDetail::Kernel => 0,
            SigDetail::Sender { pid, uid } => u64::from(pid as u32) | u64::from(uid) << 32,
            SigDetail::Fault { addr } => addr,
        };
        Self { signal: info.signal, errno: 0, code: info.code, padding: 0, detail, unused: [0; 13] }
    }
}

/// What is needed to build a frame, besides the registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub(super) info: SigInfo,
    pub(super) action: SignalAction,
    /// The mask to return to when the handler is done.
    pub(super) mask: SigSet,
    pub(super) alt_stack: AltStack,
}

impl Delivery {
    /// Returns below which address the frame goes, for a thread whose stack pointer, less what the
    /// machine keeps free, is `sp`.
    pub(super) fn stack_top(&self, sp: u64) -> u64 {
        const SA_ONSTACK: u64 = 0x0800_0000;
        let stack = self.alt_stack;
        if self.action.flags & SA_ONSTACK != 0 && stack.size != 0 && !on_alt_stack(stack, sp) {
            stack.base.get().wrapping_add(stack.size)
        } else {
            sp
        }
    }
}

/// What the frame of a handler that returned says.
#[derive(Debug)]
pub(super) struct Restored {
    /// What the result register holds again.
    pub(super) result: u64,
    pub(super) registers: Registers,
    /// The extended state; `None` leaves it as it is.
    pub(super) state: Option<Vec<u8>>,
    pub(super) mask: SigSet,
    pub(super) stack: StackT,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siginfo_is_laid_out_as_linux_has_it() {
        assert_eq!(size_of::<SigInfoT>(), 128);
        let info =
            SigInfo { signal: 10, code: -6, detail: SigDetail::Sender { pid: 7, uid: 1000 } };
        let bytes = SigInfoT::from(info);
        let bytes = bytes.as_bytes();
        assert_eq!(bytes[..4], 10i32.to_le_bytes());
        assert_eq!(bytes[8..12], (-6i32).to_le_bytes());
        assert_eq!(bytes[16..20], 7i32.to_le_bytes());
        assert_eq!(bytes[20..24], 1000i32.to_le_bytes());
        let info = SigInfo { signal: 11, code: 1, detail: SigDetail::Fault { addr: 0xdead } };
        assert_eq!(SigInfoT::from(info).as_bytes()[16..24], 0xdeadu64.to_le_bytes());
    }
}
