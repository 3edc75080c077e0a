//! Values of a fixed size.

use std::fmt;
use std::io;

use usermem_types::{Addr, Fault, FaultKind, Partial};
use zerocopy::{FromBytes, IntoBytes};

use crate::{Io, IoOpts};

/// The most bytes of a structure that grows: more is an error of the program, on Linux as here.
const STRUCT_MAX: u64 = 4096;

/// Why a structure that grew over time was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StructError {
    /// The application's memory could not be read.
    Fault(Partial<Fault>),
    /// The program's structure is longer than ours and holds bytes that are not zero there, or it
    /// is longer than a page.
    TooBig,
}

impl fmt::Display for StructError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(partial) => partial.fmt(f),
            Self::TooBig => f.write_str("the structure holds more than is known"),
        }
    }
}

impl std::error::Error for StructError {}

/// Reads one transfer, and keeps its fault.
struct OneTransfer<'a, I: ?Sized> {
    io: &'a I,
    addr: Addr,
    opts: IoOpts,
    fault: Option<Partial<Fault>>,
}

impl<I: Io + ?Sized> io::Read for OneTransfer<'_, I> {
    fn read(&mut self, dst: &mut [u8]) -> io::Result<usize> {
        self.read_exact(dst).map(|()| dst.len())
    }

    fn read_exact(&mut self, dst: &mut [u8]) -> io::Result<()> {
        if dst.is_empty() {
            return Ok(());
        }
        self.io.copy_in(self.addr, dst, self.opts).map(|_| ()).map_err(|partial| {
            self.fault = Some(partial);
            io::ErrorKind::Other.into()
        })
    }
}

/// See [`IoExt::copy_in_object`](crate::IoExt::copy_in_object).
pub(crate) fn copy_in_object<T: FromBytes, I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    opts: IoOpts,
) -> Result<T, Partial<Fault>> {
    let mut transfer = OneTransfer { io, addr, opts, fault: None };
    T::read_from_io(&mut transfer)
        .map_err(|_| transfer.fault.expect("our own invariant: reading fails by a fault only"))
}

/// See [`IoExt::copy_in_array`](crate::IoExt::copy_in_array).
pub(crate) fn copy_in_array<T: FromBytes + IntoBytes, I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    count: usize,
    opts: IoOpts,
) -> Result<Vec<T>, Partial<Fault>> {
    let mut values = T::new_vec_zeroed(count)
        .map_err(|_| Partial::new(0, Fault::new(FaultKind::NoMemory, addr)))?;
    io.copy_in(addr, values.as_mut_slice().as_mut_bytes(), opts)?;
    Ok(values)
}

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
    // Everything is fetched in one transfer, so what was found to be zero is what was read.
    let bytes: Vec<u8> = copy_in_array(io, addr, len as usize, opts).map_err(StructError::Fault)?;
    let mut value = T::new_zeroed();
    let ours = value.as_mut_bytes();
    let (known, unknown) = bytes.split_at(bytes.len().min(ours.len()));
    if unknown.iter().any(|byte| *byte != 0) {
        return Err(StructError::TooBig);
    }
    ours[..known.len()].copy_from_slice(known);
    Ok(value)
}
