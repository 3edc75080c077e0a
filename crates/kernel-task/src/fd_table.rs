//! The descriptors of a program.

use std::sync::Arc;

use hostfs::FileDescription;
use usermem_types::Errno;

/// What a descriptor refers to.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// The open file; several descriptors may share it.
    pub file: Arc<dyn FileDescription>,
    /// Closed when the program executes another.
    pub close_on_exec: bool,
}

/// A table of descriptors; the lowest free one is taken first, as POSIX wants.
#[derive(Clone, Debug, Default)]
pub struct FdTable {
    slots: Vec<Option<OpenFile>>,
    /// No free slot lies below.
    lowest_free: usize,
}

impl FdTable {
    /// Returns the open file of a descriptor.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn get(&self, fd: i32) -> Result<&OpenFile, Errno> {
        usize::try_from(fd)
            .ok()
            .and_then(|index| self.slots.get(index))
            .and_then(Option::as_ref)
            .ok_or(Errno::EBADF)
    }

    /// Returns the open file of a descriptor, to change its flags.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn get_mut(&mut self, fd: i32) -> Result<&mut OpenFile, Errno> {
        usize::try_from(fd)
            .ok()
            .and_then(|index| self.slots.get_mut(index))
            .and_then(Option::as_mut)
            .ok_or(Errno::EBADF)
    }

    /// Puts a file at the lowest free descriptor that is at least `lowest` and below `limit`.
    ///
    /// # Errors
    /// `EMFILE` when there is none.
    pub fn insert(&mut self, open: OpenFile, lowest: usize, limit: usize) -> Result<i32, Errno> {
        let mut index = lowest.max(self.lowest_free);
        while self.slots.get(index).is_some_and(Option::is_some) {
            index += 1;
        }
        let fd = i32::try_from(index).map_err(|_| Errno::EMFILE)?;
        if index >= limit {
            return Err(Errno::EMFILE);
        }
        if lowest <= self.lowest_free {
            self.lowest_free = index + 1;
        }
        self.put(index, open);
        Ok(fd)
    }

    /// Puts a file at a given descriptor and returns what was there.
    ///
    /// # Errors
    /// `EBADF` when `fd` is negative or not below `limit`.
    pub fn replace(
        &mut self,
        fd: i32,
        open: OpenFile,
        limit: usize,
    ) -> Result<Option<OpenFile>, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        if index >= limit {
            return Err(Errno::EBADF);
        }
        Ok(self.put(index, open))
    }

    fn put(&mut self, index: usize, open: OpenFile) -> Option<OpenFile> {
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots.get_mut(index).and_then(|slot| slot.replace(open))
    }

    /// Takes a descriptor out of the table.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn remove(&mut self, fd: i32) -> Result<OpenFile, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let open = self.slots.get_mut(index).and_then(Option::take).ok_or(Errno::EBADF)?;
        self.lowest_free = self.lowest_free.min(index);
        Ok(open)
    }

    /// Returns the open descriptors, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &OpenFile)> {
        (0..).zip(&self.slots).filter_map(|(fd, slot)| slot.as_ref().map(|open| (fd, open)))
    }
}
