//! Comparing what was seen.
//!
//! What the two may differ in is named here and nowhere else: each mask is a function.

use std::fmt;

use crate::op::Op;
use crate::outcome::{Line, Observation, Outcome};
use crate::script::{Script, Step};
use crate::window::{PAGE, WINDOW, place};

/// The words of `VmFlags` that are compared. Not `ac` (see [`is_counted_differently`]), nor what
/// says how a mapping is implemented.
const FLAGS: &[&str] = &[
    "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "lo", "lf", "sr", "rr", "dc", "nr", "wf",
    "dd", "hg", "nh", "mg", "sl",
];

/// A step after which the two differ.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Which step, counted from zero.
    pub step: usize,
    /// What differs.
    pub what: String,
}

/// How a comparison ended.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// In all steps they agreed.
    Same,
    /// Up to a step they agreed; from there on they cannot be compared.
    Incomparable {
        /// The step, counted from zero.
        step: usize,
        /// The mask that says so.
        mask: &'static str,
    },
    /// They differ.
    Different(Difference),
}

/// Compares what was seen of a script here and on the host.
#[must_use]
pub fn compare(script: &Script, ours: &[Observation], theirs: &[Observation]) -> Verdict {
    let mut cuts = false;
    let mut before: &[Line] = &[];
    // The host tells nothing of steps that only end a process.
    let mut files_change = false;
    let mut miscounts_locks = false;
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let step = &script.0[index];
        let incomparable = |mask| Verdict::Incomparable { step: index, mask };
        miscounts_locks |= loses_count_of_locks(step, before);
        let differs = |what| Verdict::Different(Difference { step: index, what });
        files_change |= changes_file(step, before);
        if files_change && has_early_copies(step, ours, theirs) {
            return incomparable("early copies");
        }
        if ours.outcome != theirs.outcome && !is_access_unknown(step, ours.outcome, theirs.outcome)
        {
            if cuts && asks_for_single_mappings(step) {
                return incomparable("mappings kept apart");
            }
            if miscounts_locks && is_limit_exceeded(theirs.outcome) {
                return incomparable("locks kept by mremap");
            }
            return differs(format!("ours   {}\nhost   {}", ours.outcome, theirs.outcome));
        }
        let (our_maps, their_maps) = (joined(&ours.maps), joined(&theirs.maps));
        if our_maps != their_maps {
            if cuts && asks_for_single_mappings(step) {
                return incomparable("mappings kept apart");
            }
            if loses_count_of_locks(step, before) && unlocked(&our_maps) == unlocked(&their_maps) {
                return incomparable("locks kept by mremap");
            }
            return differs(map_difference(&our_maps, &their_maps));
        }
        if let Some(cut) = needless_cut(&ours.maps, &theirs.maps) {
            return differs(format!("ours is cut at {}, the host's is not", show_addr(cut)));
        }
        before = &theirs.maps;
        cuts = theirs.maps.len() > their_maps.len() || ours.maps.len() > our_maps.len();
        if let Some(what) = content_difference(&ours.contents, &theirs.contents) {
            return differs(what);
        }
    }
    if ours.len() != theirs.len() {
        let what = format!("{} steps here, {} on the host", ours.len(), theirs.len());
        return Verdict::Different(Difference { step: ours.len().min(theirs.len()), what });
    }
    Verdict::Same
}

/// A mapping without what need not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    start: u64,
    end: u64,
    perms: String,
    flags: Vec<String>,
    offset: u64,
    name: String,
    inode: u64,
}

/// Mask: the host keeps neighbours apart that were written apart, or that were counted as
/// committed at other times, and we do not always do so as well. Joins what differs in nothing
/// that is compared.
fn joined(lines: &[Line]) -> Vec<Shape> {
    let shape = |line: &Line| Shape {
        start: line.start,
        end: line.end,
        perms: line.perms.clone(),
        flags: line.flags.iter().filter(|flag| FLAGS.contains(&flag.as_str())).cloned().collect(),
        offset: line.offset,
        // The name of what touches the heap depends on where it is cut.
        name: line.name.replace("[heap]", ""),
        inode: line.inode,
    };
    let mut shapes = join(lines.iter().map(shape));
    for shape in &mut shapes {
        // Which number a file has is its file system's to choose.
        shape.inode = u64::from(shape.inode != 0);
    }
    shapes
}

fn join(apart: impl Iterator<Item = Shape>) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    for shape in apart {
        match shapes.last_mut() {
            Some(last)
                if last.end == shape.start
                    && (&last.perms, &last.flags, &last.name, last.inode)
                        == (&shape.perms, &shape.flags, &shape.name, shape.inode)
                    && (shape.inode == 0
                        || last.offset + (last.end - last.start) == shape.offset) =>
            {
                last.end = shape.end;
            }
            _ => shapes.push(shape),
        }
    }
    shapes
}

/// Returns an address at which ours is cut and the host's is not, unless what meets there is
/// counted differently.
fn needless_cut(ours: &[Line], theirs: &[Line]) -> Option<u64> {
    let mut before: Option<&Line> = None;
    for line in ours {
        let is_cut_there = theirs.iter().any(|theirs| theirs.start == line.start);
        if !is_cut_there && !before.is_some_and(|before| is_counted_differently(before, line)) {
            return Some(line.start);
        }
        before = Some(line);
    }
    None
}

/// Mask: we count private writable mappings as committed as a host does that never overcommits,
/// `MAP_NORESERVE` or not, and pages that were only read as if they had been written.
fn is_counted_differently(before: &Line, line: &Line) -> bool {
    let counted = |line: &Line| line.flags.iter().any(|flag| flag == "ac");
    counted(before) != counted(line)
}

/// Mask: these calls fail, or do something else, when what they are about is several mappings,
/// so they tell where the host keeps mappings apart that we join.
fn asks_for_single_mappings(step: &Step) -> bool {
    match step.op {
        Op::Mremap => true,
        Op::Mprotect => step.args[2] & 0x100_0000 != 0,
        _ => false,
    }
}

/// Mask: `mremap(MREMAP_DONTUNMAP)` of locked memory unlocks what stays without counting it as
/// unlocked, and what was moved as well when the two happen to merge. We count right.
fn loses_count_of_locks(step: &Step, before: &[Line]) -> bool {
    let keeps = step.op == Op::Mremap && step.args[3] & 4 != 0;
    keeps && before.iter().any(|line| line.flags.iter().any(|flag| flag == "lo"))
}

/// Returns whether the limit on locked memory may be the reason of an outcome.
fn is_limit_exceeded(outcome: Outcome) -> bool {
    [libc::EAGAIN, libc::ENOMEM].map(|errno| Outcome::Value(-i64::from(errno))).contains(&outcome)
}

fn unlocked(shapes: &[Shape]) -> Vec<Shape> {
    let unlock = |shape: &Shape| {
        let flags = shape.flags.iter().filter(|flag| *flag != "lo" && *flag != "lf");
        Shape { flags: flags.cloned().collect(), ..shape.clone() }
    };
    join(shapes.iter().map(unlock))
}

/// Mask: writes to a private mapping of a file make us copy pages ahead of them, so it is another
/// time from which on they do not show changes of the file. When that is, is unspecified.
fn has_early_copies(step: &Step, ours: &Observation, theirs: &Observation) -> bool {
    let is_private = |addr: u64| {
        let mut lines = theirs.maps.iter();
        lines.any(|line| {
            (line.start..line.end).contains(&addr) && line.perms.ends_with('p') && line.inode != 0
        })
    };
    let differs = |addr, ours: Outcome, theirs: Outcome| {
        let values = matches!((ours, theirs), (Outcome::Value(0..), Outcome::Value(0..)));
        ours != theirs && values && is_private(addr)
    };
    let contents = ours.contents.iter().zip(&theirs.contents);
    let mut pages = contents.filter(|((page, _), (other, _))| page == other);
    let addr = step.args[0];
    matches!(step.op, Op::Load) && differs(addr, ours.outcome, theirs.outcome)
        || matches!(step.op, Op::Write)
            && (differs(addr, ours.outcome, theirs.outcome)
                || differs(addr + step.args[1], ours.outcome, theirs.outcome))
        || pages.any(|((page, ours), (_, theirs))| differs(WINDOW + page * PAGE, *ours, *theirs))
}

/// Returns whether a step may change the contents of a file.
fn changes_file(step: &Step, before: &[Line]) -> bool {
    match step.op {
        Op::Pwrite | Op::Truncate => true,
        Op::Store | Op::Read | Op::Madvise => {
            before.iter().any(|line| line.perms.ends_with('s') && line.perms.contains('w'))
        }
        _ => false,
    }
}

/// Mask: a fault does not tell what the program was doing. A store or a jump to a page that the
/// object does not have, or that has a guard, counts as a load and gets its signal, where Linux
/// looks at the protections first.
fn is_access_unknown(step: &Step, ours: Outcome, theirs: Outcome) -> bool {
    let signal = |signal, code| Outcome::Signal { signal, code, addr: step.args[0] };
    let (refused, absent, guarded) = (signal(11, 2), signal(7, 2), signal(11, 1));
    matches!(step.op, Op::Store | Op::Fetch)
        && theirs == refused
        && (ours == absent || ours == guarded)
}

fn content_difference(ours: &[(u64, Outcome)], theirs: &[(u64, Outcome)]) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let differing = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
    Some(match differing {
        Some(((page, ours), (other, theirs))) if page == other => {
            format!("contents of p{page}: ours {ours}, the host's {theirs}")
        }
        Some(((page, _), (other, _))) => format!("contents: p{page} here, p{other} on the host"),
        None => format!("contents: {} pages here, {} on the host", ours.len(), theirs.len()),
    })
}

fn map_difference(ours: &[Shape], theirs: &[Shape]) -> String {
    let list = |shapes: &[Shape], others: &[Shape]| {
        let lines = shapes.iter().map(|shape| {
            let mark = if others.contains(shape) { ' ' } else { '*' };
            format!("\n {mark} {shape}")
        });
        lines.collect::<String>()
    };
    format!("ours {}\nhost {}", list(ours, theirs), list(theirs, ours))
}

fn show_addr(addr: u64) -> String {
    match place(addr) {
        Some((page, 0)) => format!("p{page}"),
        Some((page, byte)) => format!("p{page}+{byte}"),
        None => format!("{addr:#x}"),
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (show_addr(self.start), show_addr(self.end));
        let flags = self.flags.join(" ");
        write!(f, "{start}-{end} {} {:#x} {:?} ({flags})", self.perms, self.offset, self.name)
    }
}
