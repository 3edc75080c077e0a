//! The copy wrappers of the current task: pattern A.

use usermem_io::{Io, IoExt, IoOpts, IoSequence, StringCause, StringError};
use usermem_types::{
    Addr, AddrRange, AddrRangeSeq, AlignedAddr, Errno, Fault, MAX_RW_COUNT, PATH_MAX, Transfer,
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{CurrentTask, errno_of_fault, errno_of_partial};

/// The end of what a program may ever name: Linux's `TASK_SIZE_MAX`. Linux checks buffers against
/// it and not against what is mapped below it.
#[cfg(target_arch = "x86_64")]
const USER_END: Addr = Addr::new(0x7fff_ffff_f000);
#[cfg(not(target_arch = "x86_64"))]
const USER_END: Addr = Addr::new(1 << 48);

impl CurrentTask {
    /// Checks a buffer like Linux's `access_ok`: its end must neither overflow nor lie beyond
    /// what a program may ever name. Applies to a length of zero as well.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn check_io_range(&self, addr: Addr, len: u64) -> Result<AddrRange, Errno> {
        addr.untagged().to_range(len).filter(|range| range.end() <= USER_END).ok_or(Errno::EFAULT)
    }

    /// Copies bytes from the application.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    pub fn copy_in_bytes(&self, addr: Addr, dst: &mut [u8]) -> Transfer {
        let copied = self.memory().copy_in(addr, dst, Self::OPTS);
        self.count_in(count(&copied));
        copied
    }

    /// Copies bytes to the application.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    pub fn copy_out_bytes(&self, addr: Addr, src: &[u8]) -> Transfer {
        let copied = self.memory().copy_out(addr, src, Self::OPTS);
        self.count_out(count(&copied));
        copied
    }

    /// Copies an object from the application, all or nothing.
    ///
    /// # Errors
    /// The error number of the fault.
    pub fn copy_in<T: FromBytes + IntoBytes>(&self, addr: Addr) -> Result<T, Errno> {
        let mut value = T::new_zeroed();
        self.copy_in_bytes(addr, value.as_mut_bytes()).map_err(errno_of_partial)?;
        Ok(value)
    }

    /// Copies an object to the application. A fault inside it leaves the first bytes written, as
    /// Linux does.
    ///
    /// # Errors
    /// The error number of the fault.
    pub fn copy_out<T: IntoBytes + Immutable + ?Sized>(
        &self,
        addr: Addr,
        value: &T,
    ) -> Result<(), Errno> {
        self.copy_out_bytes(addr, value.as_bytes()).map_err(errno_of_partial)?;
        Ok(())
    }

    /// Copies an array of objects from the application in one piece, all or nothing.
    ///
    /// # Errors
    /// The error number of the fault.
    pub fn copy_in_array<T: FromBytes + IntoBytes>(
        &self,
        addr: Addr,
        len: usize,
    ) -> Result<Vec<T>, Errno> {
        let mut values = Vec::new();
        values.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
        values.resize_with(len, T::new_zeroed);
        self.copy_in_bytes(addr, values.as_mut_slice().as_mut_bytes()).map_err(errno_of_partial)?;
        Ok(values)
    }

    /// Writes zero bytes to the application.
    ///
    /// # Errors
    /// The fault, and how many bytes had been zeroed.
    pub fn zero_out(&self, addr: Addr, len: usize) -> Transfer {
        let zeroed = self.memory().zero_out(addr, len, Self::OPTS);
        self.count_out(count(&zeroed));
        zeroed
    }

    /// Copies a NUL-terminated string of at most `max_len` bytes, its NUL included, from the
    /// application; the NUL is not part of the result.
    ///
    /// # Errors
    /// The fault, or that no NUL came within the limit; and what had been read.
    pub fn copy_in_string(&self, addr: Addr, max_len: usize) -> Result<Vec<u8>, StringError> {
        let string = self.memory().copy_in_string(addr, max_len, Self::OPTS);
        self.count_in(match &string {
            Ok(bytes) => bytes.len() + 1,
            Err(error) => error.partial.len(),
        });
        string
    }

    /// Copies a path name from the application, without its NUL.
    ///
    /// # Errors
    /// `ENAMETOOLONG` without a NUL in the first [`PATH_MAX`] bytes; the error number of the fault.
    pub fn copy_in_path(&self, addr: Addr) -> Result<Vec<u8>, Errno> {
        self.copy_in_string(addr, PATH_MAX).map_err(|error| match error.cause {
            StringCause::Fault(fault) => errno_of_fault(fault),
            StringCause::TooLong => Errno::ENAMETOOLONG,
        })
    }

    /// Exchanges a word of the application atomically and returns what was there.
    ///
    /// # Errors
    /// The fault.
    pub fn swap_u32(&self, addr: AlignedAddr<4>, new: u32) -> Result<u32, Fault> {
        self.memory().swap_u32(addr, new, Self::OPTS)
    }

    /// Compares and exchanges a word of the application atomically; returns what was there.
    ///
    /// # Errors
    /// The fault.
    pub fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
    ) -> Result<u32, Fault> {
        self.memory().compare_exchange_u32(addr, old, new, Self::OPTS)
    }

    /// Loads a word of the application atomically.
    ///
    /// # Errors
    /// The fault.
    pub fn load_u32(&self, addr: AlignedAddr<4>) -> Result<u32, Fault> {
        self.memory().load_u32(addr, Self::OPTS)
    }

    /// Returns a sequence of one buffer for code below the kernel: pattern C. The length is cut to
    /// [`MAX_RW_COUNT`] first and checked then.
    ///
    /// # Errors
    /// `EFAULT` when the buffer fails [`CurrentTask::check_io_range`].
    pub fn single_io_sequence(
        &self,
        addr: Addr,
        len: u64,
        opts: IoOpts,
    ) -> Result<IoSequence<'_>, Errno> {
        let range = self.check_io_range(addr, len.min(MAX_RW_COUNT))?;
        let ranges = AddrRangeSeq::of(range).map_err(|_| Errno::EFAULT)?;
        Ok(IoSequence::new(self.memory(), ranges, opts))
    }
}

fn count(transfer: &Transfer) -> usize {
    match transfer {
        Ok(done) => *done,
        Err(partial) => partial.done,
    }
}
