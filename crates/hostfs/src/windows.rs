//! Mappings of a file in our own address space.

use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap::FileRange;
use usermem_types::Errno;

use crate::sys::Window;

/// The logarithm of the size of the first window.
const FIRST: u32 = 21;

/// The logarithm of the offset from which on the doubling pieces are divided.
const DIVIDED: u32 = 31;

/// How many windows a divided piece has.
const PER_PIECE: usize = 16;

/// Windows below `1 << DIVIDED`: the first, and one for each doubling.
const SMALL: usize = (DIVIDED - FIRST) as usize + 1;

/// Windows from there to the largest offset.
const LARGE: usize = (63 - DIVIDED) as usize * PER_PIECE;

/// The address space that all windows together may take: a program that touches sparse files all
/// over must not use up ours.
const BUDGET: u64 = 16 << 40;

/// The address space that windows take.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// The windows that there may be at once: each is a mapping, of which a process has 65530 on most
/// hosts, and our own memory needs some of them.
const MOST: u64 = 16_384;

/// The windows that there are.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Windows to a file, made when they are needed and kept.
///
/// The first is 2 MiB long. Each after it is as long as all before it together, so that small
/// files need one and large ones few; from 2 GiB on, each doubling has sixteen.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    small: [OnceLock<Budgeted>; SMALL],
    large: OnceLock<Box<[OnceLock<Budgeted>]>>,
}

/// A piece of a window.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) window: &'a Window,
    pub(crate) at: usize,
    pub(crate) len: usize,
}

impl Windows {
    /// Returns the window that shows the beginning of `range`, and which piece of it that is.
    pub(crate) fn find<'a>(
        &'a self,
        range: FileRange,
        fd: impl FnOnce() -> BorrowedFd<'a>,
        writable: bool,
    ) -> Result<Piece<'a>, Errno> {
        let slot = Slot::of(range.start)?;
        let cell = match slot.index.checked_sub(SMALL) {
            None => &self.small[slot.index],
            Some(index) => {
                let make = || (0..LARGE).map(|_| OnceLock::new()).collect();
                &self.large.get_or_init(make)[index]
            }
        };
        let window = match cell.get() {
            Some(window) => window,
            None => {
                let new = Budgeted::map(fd(), &slot, writable)?;
                cell.get_or_init(|| new)
            }
        };
        let at = range.start - slot.start;
        let len = range.len().min(slot.len - at);
        let usize_of = |value| usize::try_from(value).map_err(|_| Errno::ENOMEM);
        Ok(Piece { window: &window.window, at: usize_of(at)?, len: usize_of(len)? })
    }
}

/// Where a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    index: usize,
    start: u64,
    len: u64,
}

impl Slot {
    /// Returns the window that shows an offset.
    fn of(offset: u64) -> Result<Self, Errno> {
        let order = offset.checked_ilog2().unwrap_or(0);
        if order < FIRST {
            return Ok(Self { index: 0, start: 0, len: 1 << FIRST });
        }
        if order < DIVIDED {
            let index = (order - FIRST) as usize + 1;
            return Ok(Self { index, start: 1 << order, len: 1 << order });
        }
        if order > 62 {
            return Err(Errno::EOVERFLOW);
        }
        let len = (1u64 << order) / PER_PIECE as u64;
        let nth = (offset - (1 << order)) / len;
        let piece = (order - DIVIDED) as usize;
        let index = SMALL + piece * PER_PIECE + nth as usize;
        Ok(Self { index, start: (1 << order) + nth * len, len })
    }
}

/// A window that is counted in [`TAKEN`].
#[derive(Debug)]
struct Budgeted {
    window: Window,
    _share: Share,
}

impl Budgeted {
    fn map(fd: BorrowedFd<'_>, slot: &Slot, writable: bool) -> Result<Self, Errno> {
        let share = Share::take(slot.len)?;
        let len = usize::try_from(slot.len).map_err(|_| Errno::ENOMEM)?;
        Ok(Self { window: Window::map(fd, slot.start, len, writable)?, _share: share })
    }
}

/// A part of [`TAKEN`], until it is dropped.
#[derive(Debug)]
struct Share(u64);

impl Share {
    fn take(bytes: u64) -> Result<Self, Errno> {
        let share = Self(bytes);
        let before = TAKEN.fetch_add(bytes, Ordering::Relaxed);
        if COUNT.fetch_add(1, Ordering::Relaxed) >= MOST {
            return Err(Errno::ENOMEM);
        }
        if before > BUDGET || BUDGET - before < bytes { Err(Errno::ENOMEM) } else { Ok(share) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        TAKEN.fetch_sub(self.0, Ordering::Relaxed);
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_begins_where_the_one_before_it_ends() {
        let mut offset = 0;
        for index in 0..SMALL + LARGE {
            let slot = Slot::of(offset).unwrap();
            assert_eq!((slot.index, slot.start), (index, offset));
            assert_eq!(Slot::of(offset + slot.len - 1), Ok(slot));
            offset += slot.len;
        }
        assert_eq!(offset, 1 << 63);
        assert_eq!(Slot::of(offset), Err(Errno::EOVERFLOW));
    }

    #[test]
    fn shares_come_back() {
        assert_eq!(Share::take(BUDGET + 1).err(), Some(Errno::ENOMEM));
        drop(Share::take(4096).unwrap());
        assert_eq!(Share::take(BUDGET + 1).err(), Some(Errno::ENOMEM));
    }
}
