//! The recovery table: which instructions may fault, and where to go on when one does.
#![expect(unsafe_code, reason = "the table is made of linker symbols")]

use std::arch::asm;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Assembly text that adds `[start, end) -> landing` to the recovery table.
///
/// A macro because assembly templates are literals. The words are relative to themselves, so that
/// the table needs no relocation at load time and stays read-only. `R` retains the section: no
/// code refers to an entry, and the linker would drop it.
macro_rules! recover {
    ($start:literal, $end:literal, $landing:literal) => {
        concat!(
            ".pushsection safecopy_recovery, \"aR\", %progbits\n",
            ".balign 4\n",
            ".long ",
            $start,
            " - .\n.long ",
            $end,
            " - .\n.long ",
            $landing,
            " - .\n",
            ".popsection"
        )
    };
}
pub(crate) use recover;

/// One entry: three distances, each from its own word.
#[repr(C)]
struct Entry {
    start: i32,
    end: i32,
    landing: i32,
}

unsafe extern "C" {
    // Made by the linker for a section whose name is a C identifier.
    #[link_name = "__start_safecopy_recovery"]
    static TABLE_START: Entry;
    #[link_name = "__stop_safecopy_recovery"]
    static TABLE_STOP: Entry;
}

/// The lowest address of any entry, and the end of the highest: known after [`seal`].
static LOWEST: AtomicUsize = AtomicUsize::new(0);
static HIGHEST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Returns the address that a self-relative word stands for.
fn resolve(word: *const i32) -> usize {
    // SAFETY: every caller passes a field of an entry between the linker's two symbols.
    let distance = unsafe { word.read() };
    word.addr().wrapping_add_signed(distance as isize)
}

/// Calls `visit` with start, end and landing of each entry, until it answers.
///
/// Runs in a signal handler: no panic, lock, allocation or thread-local variable.
fn find<R>(mut visit: impl FnMut(usize, usize, usize) -> Option<R>) -> Option<R> {
    let mut entry = &raw const TABLE_START;
    let stop = &raw const TABLE_STOP;
    while entry < stop {
        // The places are computed without a borrow: the linker's symbols have no size of ours.
        let start = entry.cast::<i32>();
        let found =
            visit(resolve(start), resolve(start.wrapping_add(1)), resolve(start.wrapping_add(2)));
        if found.is_some() {
            return found;
        }
        entry = entry.wrapping_add(1);
    }
    None
}

/// Learns the bounds of the table, so that [`landing_of`] can turn most addresses away at once.
pub(crate) fn seal() {
    // SAFETY: adds no instruction. It makes the section, and so the linker's symbols, exist in a
    // program that uses none of the accesses.
    unsafe {
        asm!(
            ".pushsection safecopy_recovery, \"aR\", %progbits",
            ".popsection",
            options(nomem, nostack, preserves_flags),
        );
    }
    let (mut lowest, mut highest) = (usize::MAX, 0);
    find(|start, end, _| -> Option<()> {
        lowest = lowest.min(start);
        highest = highest.max(end);
        None
    });
    LOWEST.store(lowest, Ordering::Relaxed);
    HIGHEST.store(highest, Ordering::Relaxed);
}

/// Returns where to go on after a fault of the instruction at `pc`; `None` when it is not ours.
pub(crate) fn landing_of(pc: usize) -> Option<usize> {
    if pc < LOWEST.load(Ordering::Relaxed) || pc >= HIGHEST.load(Ordering::Relaxed) {
        return None;
    }
    find(|start, end, landing| (start <= pc && pc < end).then_some(landing))
}

#[cfg(test)]
mod tests {
    use super::{LOWEST, find, landing_of, seal};
    use crate::{DstBlock, SrcBlock, copy, zero};

    #[test]
    fn entries_are_well_formed_and_found() {
        // The linker keeps the entries of the code that is used.
        let mut bytes = [1; 200];
        for len in [1, 4, 8, 17, 33, 65] {
            let (to, from) = bytes.split_at_mut(100);
            copy(DstBlock::from_slice(&mut to[..len]), SrcBlock::from_slice(from)).unwrap();
            zero(DstBlock::from_slice(&mut to[..len])).unwrap();
        }
        seal();
        let mut entries = Vec::new();
        find(|start, end, landing| -> Option<()> {
            entries.push((start, end, landing));
            None
        });
        assert!(entries.len() >= 8, "only {} entries", entries.len());
        for &(start, end, landing) in &entries {
            assert!(start < end, "{start:#x}-{end:#x}");
            // A landing inside a recovered range could fault for ever.
            assert!(landing_of(landing).is_none_or(|other| other != landing), "{landing:#x}");
            assert_eq!(landing_of(start), Some(landing));
            assert_eq!(landing_of(end - 1), Some(landing));
            assert_ne!(landing_of(end), Some(landing));
        }
        assert_eq!(landing_of(0), None);
        assert_eq!(landing_of(usize::MAX), None);
        assert_eq!(landing_of((&raw const LOWEST).addr()), None);
    }
}
