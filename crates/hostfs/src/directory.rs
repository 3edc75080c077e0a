//! Open directories.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fs::{FileType, RawDir, SeekFrom};
use usermem_io::{IoCause, IoSequence};
use usermem_types::{Errno, Transfer};

use crate::attributes::timespec;
use crate::host::{self, errno};
use crate::lookup::is_root;
use crate::node::{Node, NodeKind};
use crate::open::{self, Granted};
use crate::open_file::host_seek;
use crate::transfer::stream;
use crate::tree::Tree;
use crate::{
    DirEntry, FileDescription, FileKind, Place, PollSet, Stat, StatFs, StatusFlags, Timestamp,
    Whence,
};

/// An open directory of the host, of ours, or of both.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Where it is; a host directory is open for reading.
    place: Place,
    flags: StatusFlags,
    cursor: Mutex<Cursor>,
    tree: Arc<Tree>,
}

/// How far the entries of a directory that is not the host's alone have been told.
#[derive(Debug, Default)]
struct Cursor {
    /// The entries as they were at the last rewind; `None` before the first reading.
    entries: Option<Vec<DirEntry>>,
    position: u64,
}

impl Directory {
    pub(crate) fn new(place: Place, flags: StatusFlags, tree: Arc<Tree>) -> Self {
        Self { place, flags, cursor: Mutex::default(), tree }
    }

    /// Returns the host's descriptor when all entries come from there, in its order.
    fn plain(&self) -> Option<BorrowedFd<'_>> {
        if self.place.node().is_some() { None } else { self.place.host() }
    }

    fn entries(&self) -> Result<Vec<DirEntry>, Errno> {
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        let node = self.place.node();
        if let Some(fd) = self.place.host() {
            rustix::fs::seek(fd, SeekFrom::Start(0)).map_err(errno)?;
            host_entries(fd, &mut |entry| {
                let dots = matches!(entry.name.as_slice(), b"." | b"..");
                if dots || node.is_none_or(|node| node.shows_host_entry(&entry.name)) {
                    seen.insert(entry.name.clone());
                    entries.push(entry.clone());
                }
                true
            })?;
        } else {
            let ino = self.stat()?.ino;
            for name in [b".".to_vec(), b"..".to_vec()] {
                entries.push(DirEntry { ino, offset: 0, kind: libc::DT_DIR, name });
            }
        }
        for (name, child) in node.map(|node| node.children()).unwrap_or_default() {
            // Entries of ours replace the host's of the same name.
            let old = entries.iter_mut().find(|entry| entry.name == name && seen.contains(&name));
            match old {
                Some(_) if child.gives_way() || child.is_directory() => {}
                Some(entry) => *entry = own_entry(&child, name),
                None => entries.push(own_entry(&child, name)),
            }
        }
        if let Some(NodeKind::Descriptors(table)) = node.map(|node| node.kind()) {
            let links = table.numbers().into_iter().map(|number| DirEntry {
                ino: u64::from(number) + 1,
                offset: 0,
                kind: libc::DT_LNK,
                name: number.to_string().into_bytes(),
            });
            entries.extend(links);
        }
        for (index, entry) in entries.iter_mut().enumerate() {
            entry.offset = index as u64 + 1;
        }
        Ok(entries)
    }
}

fn own_entry(node: &Node, name: Vec<u8>) -> DirEntry {
    DirEntry { ino: node.ino(), offset: 0, kind: node.entry_kind(), name }
}

impl FileDescription for Directory {
    fn kind(&self) -> FileKind {
        FileKind::Directory
    }

    fn read(&self, _: IoSequence<'_>) -> Transfer<IoCause> {
        Err(stream(Errno::EISDIR))
    }

    fn write(&self, _: IoSequence<'_>) -> Transfer<IoCause> {
        Err(stream(Errno::EBADF))
    }

    fn read_at(&self, _: IoSequence<'_>, _: u64) -> Transfer<IoCause> {
        Err(stream(Errno::EISDIR))
    }

    fn write_at(&self, _: IoSequence<'_>, _: u64) -> Transfer<IoCause> {
        Err(stream(Errno::EBADF))
    }

    fn seek(&self, offset: i64, whence: Whence) -> Result<u64, Errno> {
        if let Some(fd) = self.plain() {
            return host_seek(fd, offset, whence);
        }
        let mut cursor = self.cursor.lock();
        let base = match whence {
            Whence::Start => 0,
            Whence::Current => cursor.position as i64,
            Whence::End | Whence::Data | Whence::Hole => return Err(Errno::EINVAL),
        };
        let to = base.checked_add(offset).and_then(|to| u64::try_from(to).ok());
        cursor.position = to.ok_or(Errno::EINVAL)?;
        if cursor.position == 0 {
            cursor.entries = None;
        }
        Ok(cursor.position)
    }

    fn stat(&self) -> Result<Stat, Errno> {
        self.place.stat()
    }

    fn statfs(&self) -> Result<StatFs, Errno> {
        match self.place.host() {
            Some(fd) => host::statfs(fd),
            None => Ok(crate::synthetic::statfs()),
        }
    }

    fn sync(&self, data_only: bool) -> Result<(), Errno> {
        let fd = self.place.host().ok_or(Errno::EINVAL)?;
        let result = if data_only { rustix::fs::fdatasync(fd) } else { rustix::fs::fsync(fd) };
        result.map_err(errno)
    }

    fn chmod(&self, mode: u32) -> Result<(), Errno> {
        let fd = self.tree.check_writable(&self.place)?;
        rustix::fs::fchmod(fd, rustix::fs::Mode::from_bits_truncate(mode)).map_err(errno)
    }

    fn set_times(&self, atime: Option<Timestamp>, mtime: Option<Timestamp>) -> Result<(), Errno> {
        let fd = self.tree.check_writable(&self.place)?;
        let times = rustix::fs::Timestamps {
            last_access: timespec(atime.into()),
            last_modification: timespec(mtime.into()),
        };
        rustix::fs::futimens(fd, &times).map_err(errno)
    }

    fn read_dir(&self, sink: &mut dyn FnMut(&DirEntry) -> bool) -> Result<(), Errno> {
        if let Some(fd) = self.plain() {
            // The offset is the host's; the lock keeps another reader from moving it meanwhile.
            let _cursor = self.cursor.lock();
            return host_entries(fd, sink);
        }
        let mut cursor = self.cursor.lock();
        let entries = match cursor.entries.take() {
            Some(entries) => entries,
            None => self.entries()?,
        };
        let start = usize::try_from(cursor.position).unwrap_or(usize::MAX).min(entries.len());
        for entry in &entries[start..] {
            if !sink(entry) {
                break;
            }
            cursor.position = entry.offset;
        }
        cursor.entries = Some(entries);
        Ok(())
    }

    fn status_flags(&self) -> StatusFlags {
        self.flags
    }

    fn poll(&self, interest: PollSet) -> PollSet {
        interest & (PollSet::IN | PollSet::OUT)
    }

    fn reopen(&self, flags: u32) -> Result<Arc<dyn FileDescription>, Errno> {
        open::reopen(&self.place, flags, Some(&self.tree), Granted::Nothing)
    }

    fn place(&self) -> Option<&Place> {
        Some(&self.place)
    }

    fn path(&self) -> Vec<u8> {
        if is_root(&self.place) { b"/".to_vec() } else { self.tree.shown_path(&self.place) }
    }
}

/// Calls `sink` for the entries of a host directory from its offset on, and leaves the offset
/// behind the last one that was taken.
fn host_entries(fd: BorrowedFd<'_>, sink: &mut dyn FnMut(&DirEntry) -> bool) -> Result<(), Errno> {
    let mut taken = rustix::fs::tell(fd).map_err(errno)?;
    let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
    let mut raw = RawDir::new(fd, &mut buffer);
    let mut entry = DirEntry { ino: 0, offset: 0, kind: 0, name: Vec::new() };
    while let Some(next) = raw.next() {
        let next = next.map_err(errno)?;
        entry.ino = next.ino();
        entry.offset = next.next_entry_cookie();
        entry.kind = entry_kind(next.file_type());
        entry.name.clear();
        entry.name.extend_from_slice(next.file_name().to_bytes());
        if !sink(&entry) {
            rustix::fs::seek(fd, SeekFrom::Start(taken)).map_err(errno)?;
            break;
        }
        taken = entry.offset;
    }
    Ok(())
}

fn entry_kind(file_type: FileType) -> u8 {
    match file_type {
        FileType::RegularFile => libc::DT_REG,
        FileType::Directory => libc::DT_DIR,
        FileType::Symlink => libc::DT_LNK,
        FileType::Fifo => libc::DT_FIFO,
        FileType::Socket => libc::DT_SOCK,
        FileType::CharacterDevice => libc::DT_CHR,
        FileType::BlockDevice => libc::DT_BLK,
        FileType::Unknown => libc::DT_UNKNOWN,
    }
}
