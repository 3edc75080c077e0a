//! The recovery table: which instructions may fault, and where to go on when one does.
#![expect(unsafe_code, reason = "the table is made of linker symbols")]

use std::arch::asm;
use std::sync::OnceLock;

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

/// An entry as addresses.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
    landing: usize,
}

/// The table in the order of its starts, which [`seal`] makes: the linker lays it out as it likes.
static SORTED: OnceLock<Box<[Place]>> = OnceLock::new();

/// Returns the address that a self-relative word stands for.
fn resolve(word: *const i32) -> usize {
    // SAFETY: every caller passes a field of an entry between the linker's two symbols.
    let distance = unsafe { word.read() };
    word.addr().wrapping_add_signed(distance as isize)
}

/// Returns the entries as the linker laid them out.
fn entries() -> Vec<Place> {
    let mut entry = &raw const TABLE_START;
    let stop = &raw const TABLE_STOP;
    let mut places = Vec::new();
    while entry < stop {
        // The places are computed without a borrow: the linker's symbols have no size of ours.
        let word = entry.cast::<i32>();
        places.push(Place {
            start: resolve(word),
            end: resolve(word.wrapping_add(1)),
            landing: resolve(word.wrapping_add(2)),
        });
        entry = entry.wrapping_add(1);
    }
    places
}

/// Learns the table, so that [`landing_of`] finds what is in it.
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
    SORTED.get_or_init(|| {
        let mut places = entries();
        places.sort_unstable_by_key(|place| place.start);
        places.into_boxed_slice()
    });
}

/// Returns where to go on after a fault of the instruction at `pc`; `None` when it is not ours, or
/// the table is not sealed.
///
/// Runs in a signal handler: no panic, lock, allocation or thread-local variable.
pub(crate) fn landing_of(pc: usize) -> Option<usize> {
    let places = SORTED.get()?;
    // Entries do not overlap, so the last one that does not begin behind it is the only one.
    let behind = places.partition_point(|place| place.start <= pc);
    let place = places.get(behind.wrapping_sub(1))?;
    (pc < place.end).then_some(place.landing)
}

#[cfg(test)]
mod tests {
    use super::{Place, SORTED, entries, landing_of, seal};
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
        let entries = entries();
        assert!(entries.len() >= 8, "only {} entries", entries.len());
        for &Place { start, end, landing } in &entries {
            assert!(start < end, "{start:#x}-{end:#x}");
            // A landing inside a recovered range could fault for ever.
            assert!(landing_of(landing).is_none_or(|other| other != landing), "{landing:#x}");
            assert_eq!(landing_of(start), Some(landing));
            assert_eq!(landing_of(end - 1), Some(landing));
            assert_ne!(landing_of(end), Some(landing));
            let holds = |other: &&Place| other.start < end && start < other.end;
            let sharing = entries.iter().filter(holds).map(|other| other.landing);
            assert!(sharing.into_iter().all(|other| other == landing), "{start:#x}-{end:#x}");
        }
        assert_eq!(landing_of(0), None);
        assert_eq!(landing_of(usize::MAX), None);
        assert_eq!(landing_of((&raw const SORTED).addr()), None);
    }
}
