//! Conveniences of every address space.

use usermem_types::{Addr, AddrRangeSeq, Fault, Partial, Transfer};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{
    IntStringsCause, Io, IoCause, IoOpts, StringCause, StringError, StructError, int_strings,
    object, string, structure, vector,
};

/// Strings, objects, arrays and vectors over any [`Io`].
///
/// Everything that is read is a private copy, fetched once. Reads and writes of no bytes touch
/// nothing and succeed at any address; only vectors show ranges of length zero to the address
/// space.
///
/// ```
/// use usermem_io::{BytesIo, IoExt, IoOpts};
/// use usermem_types::Addr;
///
/// let mut memory = *b"\x02\0\0\0abcd";
/// let io = BytesIo::new(&mut memory);
/// // A length of the program's is checked as our copy of it, which nobody can change.
/// let len: u32 = io.copy_in_object(Addr::ZERO, IoOpts::CHECKED).unwrap();
/// let bytes = io.copy_in_bytes(Addr::new(4), len.min(4) as usize, IoOpts::CHECKED);
/// assert_eq!(bytes.unwrap(), b"ab");
/// ```
pub trait IoExt: Io {
    /// Copies a string from the application, up to and without its NUL, which must be among the
    /// first `max_len` bytes.
    ///
    /// Reads pieces of at most 64 bytes that end at page boundaries, so a string that ends just
    /// before memory that is not there is read without a fault, and every byte is fetched once.
    /// A piece whose end would lie beyond the highest address is not asked for. The buffer
    /// doubles as bytes arrive, whatever `max_len` is.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::Addr;
    ///
    /// let mut memory = *b"hello\0";
    /// let io = BytesIo::new(&mut memory);
    /// assert_eq!(io.copy_in_string(Addr::new(1), 4096, IoOpts::CHECKED).unwrap(), b"ello");
    /// // The NUL counts.
    /// assert!(io.copy_in_string(Addr::new(1), 5, IoOpts::CHECKED).is_ok());
    /// assert!(io.copy_in_string(Addr::new(1), 4, IoOpts::CHECKED).is_err());
    /// ```
    ///
    /// # Errors
    /// [`StringCause::Fault`] when memory faults before a NUL was read, and
    /// [`StringCause::TooLong`] when `max_len` bytes held none, as for a `max_len` of zero; with
    /// the bytes before it either way.
    fn copy_in_string(
        &self,
        addr: Addr,
        max_len: usize,
        opts: IoOpts,
    ) -> Result<Vec<u8>, StringError> {
        string::copy_in_string(self, addr, max_len, opts)
    }

    /// Copies a string into a buffer of the caller's, and returns its length; like
    /// [`IoExt::copy_in_string`] with the buffer's length as the limit, in the same pieces and
    /// with the same errors. What the buffer holds behind the string is unspecified.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts, StringCause};
    /// use usermem_types::{Addr, Partial};
    ///
    /// let mut memory = *b"hello\0";
    /// let io = BytesIo::new(&mut memory);
    /// let mut name = [0; 16];
    /// let len = io.copy_in_string_into(Addr::ZERO, &mut name, IoOpts::CHECKED).unwrap();
    /// assert_eq!(&name[..len], b"hello");
    /// let short = io.copy_in_string_into(Addr::ZERO, &mut name[..2], IoOpts::CHECKED);
    /// assert_eq!(short, Err(Partial::new(2, StringCause::TooLong)));
    /// ```
    ///
    /// # Errors
    /// As for [`IoExt::copy_in_string`], with the number of bytes before it, which are in the
    /// buffer.
    fn copy_in_string_into(
        &self,
        addr: Addr,
        dst: &mut [u8],
        opts: IoOpts,
    ) -> Result<usize, Partial<StringCause>> {
        string::copy_in_string_into(self, addr, dst, opts)
    }

    /// Copies a value from the application in one transfer, all of it or nothing.
    ///
    /// One transfer is not one access: a value that the program is changing may arrive as part
    /// old, part new, whatever its type. Only the words of [`Io::load_u32`] and its like are
    /// atomic.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::{Addr, Fault, FaultKind, Partial};
    ///
    /// let mut memory = [1, 0, 2, 0, 3];
    /// let io = BytesIo::new(&mut memory);
    /// assert_eq!(io.copy_in_object(Addr::ZERO, IoOpts::CHECKED), Ok([1u16, 2]));
    /// let cut_off = io.copy_in_object::<u32>(Addr::new(2), IoOpts::CHECKED);
    /// let fault = Fault::new(FaultKind::Unmapped, Addr::new(5));
    /// assert_eq!(cut_off, Err(Partial::new(3, fault)));
    /// ```
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
    #[inline(always)]
    fn copy_in_object<T: FromBytes>(&self, addr: Addr, opts: IoOpts) -> Result<T, Partial<Fault>> {
        object::copy_in_object(self, addr, opts)
    }

    /// Copies a value, or a slice of values, to the application in one transfer.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::Addr;
    ///
    /// let mut memory = [0; 6];
    /// let io = BytesIo::new(&mut memory);
    /// assert_eq!(io.copy_out_object(Addr::ZERO, &1u16, IoOpts::CHECKED), Ok(2));
    /// assert_eq!(io.copy_out_object(Addr::new(2), &[2u16, 3][..], IoOpts::CHECKED), Ok(4));
    /// assert_eq!(memory, [1, 0, 2, 0, 3, 0]);
    /// ```
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
        object::copy_out_object(self, addr, value, opts)
    }

    /// Copies `count` values from the application in one transfer, all of them or nothing. The
    /// caller bounds `count`: memory for it is allocated first.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::{Addr, FaultKind};
    ///
    /// let mut memory = [1, 0, 2, 0];
    /// let io = BytesIo::new(&mut memory);
    /// assert_eq!(io.copy_in_array(Addr::ZERO, 2, IoOpts::CHECKED), Ok(vec![1u16, 2]));
    /// let absurd = io.copy_in_array::<u16>(Addr::ZERO, usize::MAX, IoOpts::CHECKED);
    /// assert_eq!(absurd.unwrap_err().cause.kind, FaultKind::NoMemory);
    /// ```
    ///
    /// # Errors
    /// The fault, and how many bytes could be read; [`FaultKind::NoMemory`] when `count` values
    /// cannot be allocated.
    ///
    /// [`FaultKind::NoMemory`]: usermem_types::FaultKind::NoMemory
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
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::Addr;
    ///
    /// let mut memory = *b"abcd";
    /// let io = BytesIo::new(&mut memory);
    /// assert_eq!(io.copy_in_bytes(Addr::new(1), 2, IoOpts::CHECKED).unwrap(), b"bc");
    /// assert_eq!(io.copy_in_bytes(Addr::new(1), 4, IoOpts::CHECKED).unwrap_err().done, 3);
    /// ```
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
    /// This is Linux's `copy_struct_from_user`, with the limit of a page that its callers have.
    /// The smallest size that a system call takes is the caller's to check, and `EINVAL` on Linux.
    /// What must be zero is looked at first, as on Linux, so `E2BIG` comes before a fault in the
    /// part that is known. Every byte is fetched once.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts, StructError};
    /// use usermem_types::Addr;
    ///
    /// let mut memory = [1, 2, 0, 9];
    /// let io = BytesIo::new(&mut memory);
    /// let read = |len| io.copy_in_struct::<[u8; 2]>(Addr::ZERO, len, IoOpts::CHECKED);
    /// assert_eq!(read(1), Ok([1, 0]), "an old program");
    /// assert_eq!(read(3), Ok([1, 2]), "a newer one, which uses nothing new");
    /// assert_eq!(read(4), Err(StructError::TooBig), "one that does");
    /// ```
    ///
    /// # Errors
    /// [`StructError::TooBig`] when the program's structure holds what we do not know, or has more
    /// than 4096 bytes; otherwise the fault.
    fn copy_in_struct<T: FromBytes + IntoBytes>(
        &self,
        addr: Addr,
        len: u64,
        opts: IoOpts,
    ) -> Result<T, StructError> {
        structure::copy_in_struct(self, addr, len, opts)
    }

    /// Copies a structure that grew over time to the application, where its size is `len`: ours is
    /// cut to it, and what the program's has beyond ours is zeroed. Returns how many bytes of
    /// `value` the program was given.
    ///
    /// This is Linux's `copy_struct_to_user`: zeroing comes first. Whether what was cut off was
    /// zero, and whether that matters, is the caller's to say; so is a bound on `len`.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::Addr;
    ///
    /// let mut memory = [9; 5];
    /// let io = BytesIo::new(&mut memory);
    /// assert_eq!(io.copy_out_struct(Addr::ZERO, 3, &[1u8, 2], IoOpts::CHECKED), Ok(2));
    /// assert_eq!(io.copy_out_struct(Addr::new(3), 1, &[1u8, 2], IoOpts::CHECKED), Ok(1));
    /// assert_eq!(memory, [1, 2, 0, 1, 9]);
    /// ```
    ///
    /// # Errors
    /// The fault, and how many bytes of `value` had arrived: none when zeroing failed.
    fn copy_out_struct<T: IntoBytes + Immutable>(
        &self,
        addr: Addr,
        len: usize,
        value: &T,
        opts: IoOpts,
    ) -> Transfer {
        structure::copy_out_struct(self, addr, len, value, opts)
    }

    /// Copies `src` to the ranges, in order, until either ends. Neither being longer is an error:
    /// the count tells. Without bytes to copy nothing is looked at; ranges of length zero before
    /// the last byte are shown to the address space, which may refuse their addresses.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::{Addr, AddrRangeSeq};
    ///
    /// let mut memory = *b"------";
    /// let io = BytesIo::new(&mut memory);
    /// let ranges = [Addr::new(4).to_range(2).unwrap(), Addr::new(0).to_range(2).unwrap()];
    /// let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
    /// assert_eq!(io.copy_out_vec(ranges, b"abc", IoOpts::CHECKED), Ok(3));
    /// assert_eq!(io.copy_out_vec(ranges.drop_first(3), b"xyz", IoOpts::CHECKED), Ok(1));
    /// assert_eq!(&memory, b"cx--ab");
    /// ```
    ///
    /// # Errors
    /// The fault, or [`IoCause::NoProgress`] from an address space that moves nothing without one;
    /// and how many bytes had arrived.
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
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::{Addr, AddrRangeSeq};
    ///
    /// let mut memory = *b"abcdef";
    /// let io = BytesIo::new(&mut memory);
    /// let ranges = [Addr::new(4).to_range(2).unwrap(), Addr::new(0).to_range(2).unwrap()];
    /// let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
    /// let mut dst = [b'-'; 5];
    /// assert_eq!(io.copy_in_vec(ranges, &mut dst, IoOpts::CHECKED), Ok(4));
    /// assert_eq!(&dst, b"efab-");
    /// ```
    ///
    /// # Errors
    /// As for [`IoExt::copy_out_vec`].
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
    /// ```
    /// use usermem_io::{BytesIo, IoExt, IoOpts};
    /// use usermem_types::{Addr, AddrRangeSeq};
    ///
    /// let mut memory = *b"abcd";
    /// let io = BytesIo::new(&mut memory);
    /// let ranges = AddrRangeSeq::of(Addr::new(1).to_range(2).unwrap()).unwrap();
    /// assert_eq!(io.zero_out_vec(ranges, usize::MAX, IoOpts::CHECKED), Ok(2));
    /// assert_eq!(&memory, b"a\0\0d");
    /// ```
    ///
    /// # Errors
    /// As for [`IoExt::copy_out_vec`].
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
    /// follows the last one is left, and read for its faults only. Without `dsts` nothing is read.
    ///
    /// The text is read piece by piece into a buffer of a fixed size, whatever the ranges hold.
    /// All of them are read, so the caller bounds the time with [`AddrRangeSeq::take_first`];
    /// Linux takes `PAGE_SIZE - 1` bytes of what is written to a file below `/proc/sys`.
    ///
    /// ```
    /// use usermem_io::{BytesIo, IntStringsCause, IoExt, IoOpts};
    /// use usermem_types::{Addr, AddrRangeSeq, Partial};
    ///
    /// let mut memory = *b"4096\t-1 x\n";
    /// let io = BytesIo::new(&mut memory);
    /// let ranges = AddrRangeSeq::of(Addr::ZERO.to_range(10).unwrap()).unwrap();
    /// let mut two = [0; 2];
    /// assert_eq!(io.copy_in_int32_strings(ranges, &mut two, IoOpts::CHECKED), Ok(8));
    /// assert_eq!(two, [4096, -1]);
    /// let malformed = io.copy_in_int32_strings(ranges, &mut [0; 3], IoOpts::CHECKED);
    /// assert_eq!(malformed, Err(Partial::new(8, IntStringsCause::Malformed)));
    /// ```
    ///
    /// # Errors
    /// What stopped it, and where: the offset of a number that is not one, or of one that a fault
    /// cut off. Numbers before that are stored. [`IntStringsCause::Malformed`] comes before a fault
    /// that follows it.
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
