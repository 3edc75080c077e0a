//! Structures that grew over time.

use std::fmt;

use usermem_types::{Addr, Fault, FaultKind, Partial, Transfer};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{Io, IoOpts, count};

/// The most bytes of a structure that grows: more is an error of the program, on Linux as here.
const STRUCT_MAX: u64 = 4096;

/// Why a structure that grew over time was not read.
///
/// ```
/// use usermem_io::{BytesIo, IoExt, IoOpts, StructError};
/// use usermem_types::Addr;
///
/// let mut memory = [0, 0, 0, 0, 1];
/// let io = BytesIo::new(&mut memory);
/// let read = |len| io.copy_in_struct::<u32>(Addr::ZERO, len, IoOpts::CHECKED);
/// assert_eq!(read(5), Err(StructError::TooBig));
/// assert!(matches!(read(6), Err(StructError::TooBig)), "no need to read on");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StructError {
    /// The application's memory could not be read.
    Fault(Fault),
    /// The program's structure is longer than ours and holds bytes that are not zero there, or it
    /// is longer than 4096 bytes: `E2BIG` on Linux.
    TooBig,
}

impl fmt::Display for StructError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::TooBig => f.write_str("the structure holds more than is known"),
        }
    }
}

impl std::error::Error for StructError {}

/// See [`IoExt::copy_in_struct`](crate::IoExt::copy_in_struct).
pub(crate) fn copy_in_struct<T: FromBytes + IntoBytes, I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    len: u64,
    opts: IoOpts,
) -> Result<T, StructError> {
    if len > STRUCT_MAX {
        return Err(StructError::TooBig);
    }
    let mut value = T::new_zeroed();
    let known = value.as_mut_bytes().len().min(len as usize);
    check_zero(io, addr, known, len as usize - known, opts)?;
    let ours = &mut value.as_mut_bytes()[..known];
    if known > 0 {
        count::all_or_fault(io.copy_in(addr, ours, opts), addr, known)
            .map_err(|partial| StructError::Fault(partial.cause))?;
    }
    Ok(value)
}

/// Checks the `len` bytes that begin `skip` bytes above `addr`.
fn check_zero<I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    skip: usize,
    len: usize,
    opts: IoOpts,
) -> Result<(), StructError> {
    if len == 0 {
        return Ok(());
    }
    let addr = behind(addr, skip).map_err(StructError::Fault)?;
    let mut bytes = [0; STRUCT_MAX as usize];
    let copied = count::all_or_fault(io.copy_in(addr, &mut bytes[..len], opts), addr, len);
    let (Ok(read) | Err(Partial { done: read, .. })) = copied;
    if bytes[..read].iter().any(|byte| *byte != 0) {
        return Err(StructError::TooBig);
    }
    copied.map_err(|partial| StructError::Fault(partial.cause))?;
    Ok(())
}

/// See [`IoExt::copy_out_struct`](crate::IoExt::copy_out_struct).
pub(crate) fn copy_out_struct<T: IntoBytes + Immutable, I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    len: usize,
    value: &T,
    opts: IoOpts,
) -> Transfer {
    let known = size_of::<T>().min(len);
    if len > known {
        let nothing = |fault| Partial::new(0, fault);
        let tail = behind(addr, known).map_err(nothing)?;
        count::all_or_fault(io.zero_out(tail, len - known, opts), tail, len - known)
            .map_err(|partial| nothing(partial.cause))?;
    }
    if known == 0 {
        return Ok(0);
    }
    count::all_or_fault(io.copy_out(addr, &value.as_bytes()[..known], opts), addr, known)
}

/// Returns the address `len` bytes above another.
fn behind(addr: Addr, len: usize) -> Result<Addr, Fault> {
    addr.checked_add(len as u64).ok_or(Fault::new(FaultKind::OutOfRange, addr))
}
