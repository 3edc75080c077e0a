//! Access to a task's memory that ignores the program's protections.

use usermem_io::{Io, IoOpts};
use usermem_types::{Addr, Errno, Transfer};

use crate::{Task, errno_of_fault};

/// Reads a word of a task's memory, whatever protections the program chose: `PTRACE_PEEKDATA`.
///
/// # Errors
/// `EIO`, as `ptrace(2)` has it, when a byte of the word is not mapped.
pub fn peek(task: &Task, addr: Addr) -> Result<u64, Errno> {
    let mut word = [0; 8];
    let copied = task.memory_manager().copy_in(addr, &mut word, IoOpts::IGNORE_PERMISSIONS);
    complete(copied)?;
    Ok(u64::from_le_bytes(word))
}

/// Writes a word of a task's memory, whatever protections the program chose: `PTRACE_POKEDATA`. A
/// private page that the program may only read or execute is copied first, so that no file and no
/// other task sees the change.
///
/// # Errors
/// `EIO`, as `ptrace(2)` has it, when a byte of the word is not mapped, or the mapped object
/// itself refuses writes. Bytes below the first bad one are written.
pub fn poke(task: &Task, addr: Addr, word: u64) -> Result<(), Errno> {
    let bytes = word.to_le_bytes();
    complete(task.memory_manager().copy_out(addr, &bytes, IoOpts::IGNORE_PERMISSIONS))
}

fn complete(copied: Transfer) -> Result<(), Errno> {
    match copied {
        Ok(_) => Ok(()),
        Err(partial) => Err(match errno_of_fault(partial.cause) {
            Errno::EFAULT => Errno::EIO,
            other => other,
        }),
    }
}
