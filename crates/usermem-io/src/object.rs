//! Values of a fixed size.

use std::hint::cold_path;
use std::io;

use usermem_types::{Addr, Fault, FaultKind, Partial, Transfer};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{Io, IoOpts, count};

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
        let copied = copy_in(self.io, self.addr, dst, self.opts);
        copied.map(|_| ()).map_err(|partial| {
            self.fault = Some(partial);
            io::ErrorKind::Other.into()
        })
    }
}

/// See [`IoExt::copy_in_object`](crate::IoExt::copy_in_object).
#[inline(always)]
pub(crate) fn copy_in_object<T: FromBytes, I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    opts: IoOpts,
) -> Result<T, Partial<Fault>> {
    if size_of::<T>() == 8
        && let Some(word) = io.copy_in_8_ahead(addr, opts)
        && let Ok(value) = T::read_from_bytes(&word)
    {
        return Ok(value);
    }
    cold_path();
    // By parts: the whole result of a function that is not inlined would be in memory, and so would
    // be what is found ahead.
    let mut fault = Partial::new(0, Fault::new(FaultKind::Bus, addr));
    copy_in_usually(io, addr, opts, &mut fault).ok_or(fault)
}

/// Copies a value; leaves the fault behind, if there is none.
#[inline(never)]
fn copy_in_usually<T: FromBytes, I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    opts: IoOpts,
    fault: &mut Partial<Fault>,
) -> Option<T> {
    let mut transfer = OneTransfer { io, addr, opts, fault: None };
    let value = T::read_from_io(&mut transfer).ok();
    if value.is_none() {
        *fault = transfer.fault.expect("our own invariant: reading fails by a fault only");
    }
    value
}

/// See [`IoExt::copy_out_object`](crate::IoExt::copy_out_object).
pub(crate) fn copy_out_object<T: IntoBytes + Immutable + ?Sized, I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    value: &T,
    opts: IoOpts,
) -> Transfer {
    let bytes = value.as_bytes();
    if bytes.is_empty() {
        return Ok(0);
    }
    count::all_or_fault(io.copy_out(addr, bytes, opts), addr, bytes.len())
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
    copy_in(io, addr, values.as_mut_slice().as_mut_bytes(), opts)?;
    Ok(values)
}

/// Copies all of `dst`, or nothing that counts; no bytes have no address.
fn copy_in<I: Io + ?Sized>(io: &I, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer {
    if dst.is_empty() {
        return Ok(0);
    }
    let copied = io.copy_in(addr, dst, opts);
    count::all_or_fault(copied, addr, dst.len())
}
