//! Conveniences of every address space.

use usermem_types::{Addr, AddrRangeSeq, Fault, Partial, Transfer};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{
    IntStringsCause, Io, IoCause, IoOpts, StringError, StructError, int_strings, object, string,
    vector,
};

/// Strings, objects, arrays and vectors over any [`Io`].
pub trait IoExt: Io {
    /// Copies a string from the application, up to and without its NUL, which must be among the
    /// first `max_len` bytes.
    ///
    /// Reads pieces that end at page boundaries, so a string that ends just before memory that is
    /// not there is read without a fault, and every byte is fetched once.
    ///
    /// # Errors
    /// The fault, or that no NUL was found; with the bytes before it either way.
    fn copy_in_string(
        &self,
        addr: Addr,
        max_len: usize,
        opts: IoOpts,
    ) -> Result<Vec<u8>, StringError> {
        string::copy_in_string(self, addr, max_len, opts)
    }

    /// Copies a value from the application, all of it or nothing.
    ///
    /// Any bytes must make a value, since the program chooses them:
    ///
    /// ```compile_fail,E0277
    /// # use usermem_io::{Io, IoExt, IoOpts};
    /// # fn read(io: &dyn Io) {
    /// let _ = io.copy_in_object::<bool>(usermem_types::Addr::ZERO, IoOpts::CHECKED);
    /// # }
    /// ```
    ///
    /// # Errors
    /// The fault, and how many bytes could be read.
    fn copy_in_object<T: FromBytes>(&self, addr: Addr, opts: IoOpts) -> Result<T, Partial<Fault>> {
        object::copy_in_object(self, addr, opts)
    }

    /// Copies a value, or a slice of values, to the application.
    ///
    /// Every byte must be one of the value's, so that no padding with bytes of ours leaves:
    ///
    /// ```compile_fail,E0277
    /// # use usermem_io::{Io, IoExt, IoOpts};
    /// # fn write(io: &dyn Io) {
    /// let _ = io.copy_out_object(usermem_types::Addr::ZERO, &(1u8, 2u32), IoOpts::CHECKED);
    /// # }
    /// ```
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    fn copy_out_object<T: IntoBytes + Immutable + ?Sized>(
        &self,
        addr: Addr,
        value: &T,
        opts: IoOpts,
    ) -> Transfer {
        self.copy_out(addr, value.as_bytes(), opts)
    }

    /// Copies `count` values from the application in one transfer, all of them or nothing. The
    /// caller bounds `count`: memory for it is allocated first.
    ///
    /// # Errors
    /// The fault, and how many bytes could be read; `NoMemory` when `count` values cannot be
    /// allocated.
    fn copy_in_array<T: FromBytes + IntoBytes>(
        &self,
        addr: Addr,
        count: usize,
        opts: IoOpts,
    ) -> Result<Vec<T>, Partial<Fault>> {
        object::copy_in_array(self, addr, count, opts)
    }

    /// Copies `len` bytes from the application, all of them or nothing. The caller bounds `len`:
    /// memory for it is allocated first.
    ///
    /// # Errors
    /// As for [`IoExt::copy_in_array`].
    fn copy_in_bytes(
        &self,
        addr: Addr,
        len: usize,
        opts: IoOpts,
    ) -> Result<Vec<u8>, Partial<Fault>> {
        self.copy_in_array(addr, len, opts)
    }

    /// Copies a structure that grew over time, whose size as the program knows it is `len`: what
    /// the program's is short of is zero, what it has beyond ours must be zero.
    ///
    /// # Errors
    /// The fault, or that the program's structure holds what we do not know.
    fn copy_in_struct<T: FromBytes + IntoBytes>(
        &self,
        addr: Addr,
        len: u64,
        opts: IoOpts,
    ) -> Result<T, StructError> {
        object::copy_in_struct(self, addr, len, opts)
    }

    /// Copies `src` to the ranges, in order, until either ends. Neither being longer is an error:
    /// the count tells. Without bytes to copy nothing is looked at.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    fn copy_out_vec(
        &self,
        ranges: AddrRangeSeq<'_>,
        src: &[u8],
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        vector::copy_out_vec(self, ranges, src, opts)
    }

    /// Copies from the ranges, in order, into `dst`, until either ends; as
    /// [`IoExt::copy_out_vec`].
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    fn copy_in_vec(
        &self,
        ranges: AddrRangeSeq<'_>,
        dst: &mut [u8],
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        vector::copy_in_vec(self, ranges, dst, opts)
    }

    /// Writes up to `len` zero bytes to the ranges, in order; as [`IoExt::copy_out_vec`].
    ///
    /// # Errors
    /// The fault, and how many bytes had been zeroed.
    fn zero_out_vec(
        &self,
        ranges: AddrRangeSeq<'_>,
        len: usize,
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        vector::zero_out_vec(self, ranges, len, opts)
    }

    /// Reads decimal numbers, separated by white space, from the ranges into `dsts`, and returns
    /// how many bytes they took. Fewer numbers than `dsts`, but at least one, is no error; what
    /// follows the last one is left, and read for its faults only.
    ///
    /// # Errors
    /// What stopped it, and where: the offset of a number that is not one, or of one that a fault
    /// cut off. Numbers before that are stored.
    fn copy_in_int32_strings(
        &self,
        ranges: AddrRangeSeq<'_>,
        dsts: &mut [i32],
        opts: IoOpts,
    ) -> Transfer<IntStringsCause> {
        int_strings::copy_in_int32_strings(self, ranges, dsts, opts)
    }
}

impl<T: Io + ?Sized> IoExt for T {}
