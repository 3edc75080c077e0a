//! What the two may differ in. Each mask is a function, and a row of the page on compatibility.

use crate::op::Op;
use crate::outcome::{Line, Observation, Outcome};
use crate::script::Step;
use crate::window::{PAGE, WINDOW};

/// Mask: we count private writable mappings as committed as a host does that never overcommits,
/// `MAP_NORESERVE` or not, and pages that were only read as if they had been written.
pub(crate) fn is_counted_differently(before: &Line, line: &Line) -> bool {
    let counted = |line: &Line| line.flags.iter().any(|flag| flag == "ac");
    counted(before) != counted(line)
}

/// Mask: these calls fail, or do something else, when what they are about is several mappings,
/// so they tell where the host keeps mappings apart that we join. A limit lets `mprotect` change
/// the first of them.
pub(crate) fn asks_for_single_mappings(step: &Step, data_is_limited: bool) -> bool {
    match step.op {
        Op::Mremap => true,
        Op::Mprotect => data_is_limited || step.args[2] & 0x100_0000 != 0,
        _ => false,
    }
}

/// Mask: a move that fails for lack of something has made room first, on the host for each mapping when
/// its turn comes. What it made free may lie outside of the window, where nobody looks.
pub(crate) fn may_stop_between_mappings(step: &Step, theirs: Outcome, before: &[Line]) -> bool {
    let [addr, len, _, flags, ..] = step.args;
    let end = addr.saturating_add(len);
    let sources = before.iter().filter(|line| line.start < end && addr < line.end);
    let is_fixed = step.op == Op::Mremap && flags & 2 != 0;
    is_fixed && theirs == Outcome::Value(-12) && sources.count() > 1
}

/// Mask: a limit counts each stack alone, so where the host keeps two apart that we join it may let
/// one grow, and we do not.
pub(crate) fn grows_single_stacks(step: &Step, before: &[Line]) -> bool {
    use Op::{Fetch, Load, Read, Store, Write};
    let is_stack = |line: &Line| line.flags.iter().any(|flag| flag == "gd");
    matches!(step.op, Fetch | Load | Read | Store | Write) && before.iter().any(is_stack)
}

/// Mask: `mremap(MREMAP_DONTUNMAP)` of locked memory unlocks what stays without counting it as
/// unlocked, and what was moved as well when the two happen to merge. We count right.
pub(crate) fn loses_count_of_locks(step: &Step, before: &[Line]) -> bool {
    let keeps = step.op == Op::Mremap && step.args[3] & 4 != 0;
    keeps && before.iter().any(|line| line.flags.iter().any(|flag| flag == "lo"))
}

/// Returns whether the limit on locked memory may decide what a step does.
pub(crate) fn may_lock(step: &Step) -> bool {
    use Op::{Brk, Mlock, Mlock2, Mlockall, Mmap, Mremap};
    matches!(step.op, Brk | Mlock | Mlock2 | Mlockall | Mmap | Mremap)
}

/// Mask: writes to a private mapping of a file make us copy pages ahead of them, so it is another
/// time from which on they do not show changes of the file. When that is, is unspecified.
pub(crate) fn has_early_copies(step: &Step, ours: &Observation, theirs: &Observation) -> bool {
    let [addr, len, ..] = step.args;
    let copies = match step.op {
        Op::Load => is_early_copy(&theirs.maps, addr, ours.outcome, theirs.outcome),
        Op::Write => [addr, addr.wrapping_add(len)]
            .iter()
            .any(|addr| is_early_copy(&theirs.maps, *addr, ours.outcome, theirs.outcome)),
        _ => false,
    };
    let mut endings = ours.endings.iter().zip(&theirs.endings);
    copies
        || endings.any(|(ours, theirs)| {
            let mut pages = ours.pages.iter().zip(&theirs.pages);
            pages.any(|((page, our_byte), (_, their_byte))| {
                is_early_copy(&theirs.maps, WINDOW + page * PAGE, *our_byte, *their_byte)
            })
        })
}

/// Returns whether what differs at an address is what a private mapping of a file shows there.
fn is_early_copy(maps: &[Line], addr: u64, ours: Outcome, theirs: Outcome) -> bool {
    let is_private = |line: &Line| {
        (line.start..line.end).contains(&addr) && line.perms.ends_with('p') && line.inode != 0
    };
    let values = matches!((ours, theirs), (Outcome::Value(0..), Outcome::Value(0..)));
    ours != theirs && values && maps.iter().any(is_private)
}

/// Returns whether a step may change the contents of a file.
pub(crate) fn changes_file(step: &Step, before: &[Line]) -> bool {
    match step.op {
        Op::Pwrite | Op::Truncate => true,
        Op::Store | Op::Read | Op::Madvise => {
            before.iter().any(|line| line.perms.ends_with('s') && line.perms.contains('w'))
        }
        _ => false,
    }
}

/// Returns whether there is a private mapping of a file that may have copies.
pub(crate) fn may_copy_early(before: &[Line]) -> bool {
    before
        .iter()
        .any(|line| line.perms.ends_with('p') && line.perms.contains('w') && line.inode != 0)
}

/// Mask: what was copied early is read from the copy, and not from the file, which gets no memory by
/// that.
pub(crate) fn is_read_from_a_copy(
    maps: &[Line],
    addr: u64,
    has_early_copies: bool,
    ours: bool,
) -> bool {
    let is_of_a_file =
        |line: &Line| (line.start..line.end).contains(&addr) && !line.is_anonymous_at(addr);
    has_early_copies && !ours && maps.iter().any(is_of_a_file)
}

/// Mask: a fault does not tell what the program was doing. A store or a jump to a page that the
/// object does not have, or that has a guard, counts as a load and gets its signal, where Linux
/// looks at the protections first.
pub(crate) fn is_access_unknown(step: &Step, ours: Outcome, theirs: Outcome) -> bool {
    let signal = |signal, code| Outcome::Signal { signal, code, addr: step.args[0] };
    let (refused, absent, guarded) = (signal(11, 2), signal(7, 2), signal(11, 1));
    matches!(step.op, Op::Store | Op::Fetch)
        && theirs == refused
        && (ours == absent || ours == guarded)
}

/// Mask: what nobody had touched before a fork is shared by both sides until one of them writes it; what
/// one of them reads is then present in both.
pub(crate) fn is_read_by_relatives(
    before: &[Line],
    addr: u64,
    has_forked: bool,
    ours: bool,
) -> bool {
    has_forked && ours && before.iter().any(|line| line.is_anonymous_at(addr))
}

/// Mask: the break is refused when the heap alone exceeds `RLIMIT_DATA`, to which the host's image
/// is added there.
pub(crate) fn counts_heap_alone(step: &Step, data_is_limited: bool) -> bool {
    step.op == Op::Brk && data_is_limited
}
