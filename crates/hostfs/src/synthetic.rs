//! Open files whose contents come from above.

use std::sync::Arc;

use parking_lot::Mutex;
use safecopy::{DstBlockSeq, Reader, SrcBlock, SrcBlockSeq, StreamError};
use usermem_io::{IoCause, IoSequence};
use usermem_types::{Errno, Transfer};

use crate::node::{Contents, Node};
use crate::open::{self, Granted};
use crate::transfer::stream;
use crate::tree::Tree;
use crate::{FileDescription, FileKind, Place, Stat, StatFs, StatusFlags, Whence};

/// An open synthetic file: the contents as they were when it was opened, or rewound.
pub(crate) struct Synthetic {
    place: Place,
    node: Arc<Node>,
    source: Contents,
    state: Mutex<State>,
    flags: StatusFlags,
    tree: Arc<Tree>,
}

struct State {
    contents: Arc<Vec<u8>>,
    offset: u64,
}

impl Synthetic {
    pub(crate) fn new(
        place: Place,
        node: Arc<Node>,
        source: Contents,
        flags: StatusFlags,
        tree: Arc<Tree>,
    ) -> Self {
        let state = Mutex::new(State { contents: Arc::new(source()), offset: 0 });
        Self { place, node, source, state, flags, tree }
    }
}

impl std::fmt::Debug for Synthetic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Synthetic({})", self.node.path().escape_ascii())
    }
}

/// Reads from our own memory.
struct SliceReader<'a>(&'a [u8]);

impl Reader for SliceReader<'_> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        let src = SrcBlockSeq::of(SrcBlock::from_slice(self.0));
        safecopy::copy_seq(dsts, src).map_err(|partial| partial.map_cause(StreamError::Fault))
    }
}

fn copy_out(contents: &[u8], dst: IoSequence<'_>, offset: u64) -> Transfer<IoCause> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(contents.len());
    let rest = &contents[start..];
    if rest.is_empty() {
        return Ok(0);
    }
    dst.take_first(rest.len() as u64).copy_out_from(&mut SliceReader(rest))
}

impl FileDescription for Synthetic {
    fn kind(&self) -> FileKind {
        FileKind::Regular
    }

    fn read(&self, dst: IoSequence<'_>) -> Transfer<IoCause> {
        // Shared, so that no lock is held while the program's memory is touched.
        let (contents, offset) = {
            let state = self.state.lock();
            (Arc::clone(&state.contents), state.offset)
        };
        let result = copy_out(&contents, dst, offset);
        let done = match &result {
            Ok(done) => *done,
            Err(partial) => partial.done,
        };
        self.state.lock().offset = offset.saturating_add(done as u64);
        result
    }

    fn write(&self, _: IoSequence<'_>) -> Transfer<IoCause> {
        Err(stream(Errno::EBADF))
    }

    fn read_at(&self, dst: IoSequence<'_>, offset: u64) -> Transfer<IoCause> {
        if i64::try_from(offset).is_err() {
            return Err(stream(Errno::EINVAL));
        }
        let contents = Arc::clone(&self.state.lock().contents);
        copy_out(&contents, dst, offset)
    }

    fn write_at(&self, _: IoSequence<'_>, _: u64) -> Transfer<IoCause> {
        Err(stream(Errno::EBADF))
    }

    fn seek(&self, offset: i64, whence: Whence) -> Result<u64, Errno> {
        let mut state = self.state.lock();
        let base = match whence {
            Whence::Start => 0,
            Whence::Current => state.offset as i64,
            // Files of proc have no size to count from.
            Whence::End | Whence::Data | Whence::Hole => return Err(Errno::EINVAL),
        };
        let to = base.checked_add(offset).and_then(|to| u64::try_from(to).ok());
        let to = to.ok_or(Errno::EINVAL)?;
        if to == 0 {
            state.contents = Arc::new((self.source)());
        }
        state.offset = to;
        Ok(to)
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(self.node.stat())
    }

    fn statfs(&self) -> Result<StatFs, Errno> {
        Ok(statfs())
    }

    fn chmod(&self, _: u32) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    fn set_times(
        &self,
        _: Option<crate::Timestamp>,
        _: Option<crate::Timestamp>,
    ) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    fn status_flags(&self) -> StatusFlags {
        self.flags
    }

    fn reopen(&self, flags: u32) -> Result<Arc<dyn FileDescription>, Errno> {
        open::reopen(&self.place, flags, Some(&self.tree), Granted::Nothing)
    }

    fn place(&self) -> Option<&Place> {
        Some(&self.place)
    }

    fn path(&self) -> Vec<u8> {
        self.node.path().to_vec()
    }
}

/// Returns what `statfs` tells of entries that have no host file: a `proc` file system.
pub(crate) fn statfs() -> StatFs {
    StatFs { kind: 0x9fa0, bsize: 4096, frsize: 4096, namelen: 255, ..StatFs::default() }
}
