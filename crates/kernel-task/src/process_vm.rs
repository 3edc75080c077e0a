//! Copies between the memory of the current task and that of a task: pattern B beside pattern A.

use usermem_io::{Io, IoSequence};
use usermem_types::{AccessType, Addr, PageSize};

use crate::{CurrentTask, RemoteRange, Task};

/// Bytes that are copied at once: at most a page, for pages are what another task's memory is
/// taken apart into.
const PIECE: usize = PageSize::K4.bytes() as usize;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    FromOther,
    ToOther,
}

impl CurrentTask {
    /// Copies from another task's memory into buffers of this one, as `process_vm_readv(2)`, and
    /// returns how many bytes: fewer than there were when a buffer could not be accessed. The
    /// other program's protections apply as well.
    #[must_use]
    pub fn copy_from_other(
        &self,
        other: &Task,
        local: IoSequence<'_>,
        remote: &[RemoteRange],
    ) -> usize {
        let done = copy(other, local, remote, Way::FromOther);
        self.count_out(done);
        done
    }

    /// Copies from buffers of this task into another task's memory, as `process_vm_writev(2)`; see
    /// [`copy_from_other`](Self::copy_from_other).
    #[must_use]
    pub fn copy_to_other(
        &self,
        other: &Task,
        local: IoSequence<'_>,
        remote: &[RemoteRange],
    ) -> usize {
        let done = copy(other, local, remote, Way::ToOther);
        self.count_in(done);
        done
    }
}

fn copy(other: &Task, mut local: IoSequence<'_>, remote: &[RemoteRange], way: Way) -> usize {
    let mut buffer = [0; PIECE];
    let mut done = 0;
    for range in remote {
        let mut taken = 0;
        while taken < range.len {
            let Some(at) = range.start.checked_add(taken) else { return done };
            let to_page_end = PIECE as u64 - PageSize::K4.offset(at.get());
            let wanted = to_page_end.min(range.len - taken).min(local.num_bytes());
            let Some(piece) = buffer.get_mut(..wanted as usize) else { return done };
            if piece.is_empty() {
                return done;
            }
            let moved = copy_piece(other, at, local, piece, way);
            local = local.drop_first(moved as u64);
            done += moved;
            taken += moved as u64;
            if moved < piece.len() {
                return done;
            }
        }
    }
    done
}

/// Copies a piece of one page of the other task, and returns how much of it.
fn copy_piece(other: &Task, at: Addr, local: IoSequence<'_>, piece: &mut [u8], way: Way) -> usize {
    let memory = other.memory_manager();
    let access = match way {
        Way::FromOther => AccessType::READ,
        Way::ToOther => AccessType::WRITE,
    };
    if !memory.grants(at, access) {
        return 0;
    }
    let read = match way {
        Way::FromOther => {
            memory.copy_in(at, piece, CurrentTask::OPTS).unwrap_or_else(|partial| partial.done)
        }
        Way::ToOther => local.copy_in(piece).unwrap_or_else(|partial| partial.done),
    };
    let piece = piece.get(..read).unwrap_or(&[]);
    match way {
        Way::FromOther => local.copy_out(piece).unwrap_or_else(|partial| partial.done),
        Way::ToOther => {
            memory.copy_out(at, piece, CurrentTask::OPTS).unwrap_or_else(|partial| partial.done)
        }
    }
}
