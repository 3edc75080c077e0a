//! Comparing what was seen.

use std::collections::BTreeMap;

use crate::freed::Freed;
use crate::masks;
use crate::op::Op;
use crate::outcome::{Ending, Line, Observation, Outcome};
use crate::paged::PagedOut;
use crate::refused::RefusedStores;
use crate::script::{Script, Step};
use crate::shape::{Shape, joined, show_addr, unlocked};
use crate::window::{PAGE, PAGES, WINDOW, place};

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

/// Compares what was seen of a script here and on the host; counts in `used` how often a mask let
/// something pass.
pub fn compare(
    script: &Script,
    ours: &[Observation],
    theirs: &[Observation],
    used: &mut BTreeMap<&'static str, u64>,
) -> Verdict {
    let mut comparison = Comparison::new(used);
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        match comparison.step(&script.0[index], ours, theirs) {
            Ok(()) => {}
            Err(Stop::Mask(mask)) => return Verdict::Incomparable { step: index, mask },
            Err(Stop::Different(what)) => {
                return Verdict::Different(Difference { step: index, what });
            }
        }
    }
    if ours.len() != theirs.len() {
        let what = format!("{} steps here, {} on the host", ours.len(), theirs.len());
        return Verdict::Different(Difference { step: ours.len().min(theirs.len()), what });
    }
    Verdict::Same
}

/// Why a comparison ends.
enum Stop {
    /// A mask says that it makes no sense any more.
    Mask(&'static str),
    /// The two differ.
    Different(String),
}

/// What the steps so far mean for the next one.
struct Comparison<'a> {
    /// How often each mask let something pass.
    used: &'a mut BTreeMap<&'static str, u64>,
    freed: Freed,
    /// The host's mappings before the step.
    before: &'a [Line],
    /// Ours.
    before_here: &'a [Line],
    /// One of the two keeps mappings apart that differ in nothing.
    keeps_apart: bool,
    has_forked: bool,
    has_early_copies: bool,
    refused: RefusedStores,
    paged_out: PagedOut,
    files_change: bool,
    miscounts_locks: bool,
    data_is_limited: bool,
    stack_is_limited: bool,
    /// Whether data and stacks of the parent are limited, while its child runs.
    limits_of_parent: (bool, bool),
}

impl<'a> Comparison<'a> {
    fn new(used: &'a mut BTreeMap<&'static str, u64>) -> Self {
        Self {
            used,
            freed: Freed::default(),
            before: &[],
            before_here: &[],
            keeps_apart: false,
            has_forked: false,
            has_early_copies: false,
            refused: RefusedStores::default(),
            paged_out: PagedOut::default(),
            files_change: false,
            miscounts_locks: false,
            data_is_limited: false,
            stack_is_limited: false,
            limits_of_parent: (false, false),
        }
    }

    fn passes(&mut self, mask: &'static str, applies: bool) -> bool {
        if applies {
            *self.used.entry(mask).or_default() += 1;
        }
        applies
    }

    fn step(
        &mut self,
        step: &Step,
        ours: &'a Observation,
        theirs: &'a Observation,
    ) -> Result<(), Stop> {
        self.files_change |= masks::changes_file(step, self.before);
        if self.files_change && masks::has_early_copies(step, ours, theirs) {
            return Err(Stop::Mask("early copies"));
        }
        self.paged_out.note(step);
        self.has_early_copies |= masks::may_copy_early(self.before);
        self.has_forked |= matches!(step.op, Op::Fork | Op::Witness);
        self.refused.note(step, theirs.outcome);
        match step.op {
            Op::LimitData => self.data_is_limited = step.args[0] != u64::MAX,
            Op::LimitStack => self.stack_is_limited = step.args[0] < PAGES * PAGE,
            Op::Fork if theirs.outcome == Outcome::Value(0) => {
                self.limits_of_parent = (self.data_is_limited, self.stack_is_limited);
            }
            Op::Exit if theirs.outcome == Outcome::Value(0) => {
                (self.data_is_limited, self.stack_is_limited) = self.limits_of_parent;
            }
            _ => {}
        }
        let keeps_lock = masks::loses_count_of_locks(step, self.before);
        self.miscounts_locks |= keeps_lock;
        let (our, their) = (ours.outcome, theirs.outcome);
        if our != their
            && !self.passes("access unknown", masks::is_access_unknown(step, our, their))
            && !self.passes("freed", self.freed.explains(step, our, their))
        {
            let what = format!("ours   {}\nhost   {}", ours.outcome, theirs.outcome);
            return Err(self.differs(step, what));
        }
        if self.keeps_apart && masks::may_stop_between_mappings(step, their, self.before) {
            return Err(Stop::Mask("mappings kept apart"));
        }
        if let Some(what) = self.presence_difference(step, &ours.present, &theirs.present) {
            return Err(Stop::Different(what));
        }
        self.freed.note(step, their, self.before);
        self.compare_maps(step, keeps_lock, &ours.maps, &theirs.maps)?;
        if ours.endings.len() != theirs.endings.len() {
            return Err(Stop::Different("other processes end".to_owned()));
        }
        for (ours, theirs) in ours.endings.iter().zip(&theirs.endings) {
            let (our_maps, their_maps) = (joined(&ours.maps), joined(&theirs.maps));
            if our_maps != their_maps {
                let what = map_difference(&our_maps, &their_maps);
                return Err(Stop::Different(format!("at the end of a process:\n{what}")));
            }
            if let Some(what) = self.presence_at_end(ours, theirs) {
                return Err(Stop::Different(what));
            }
            if let Some(what) = self.content_difference(&ours.pages, &theirs.pages) {
                return Err(Stop::Different(what));
            }
        }
        Ok(())
    }

    fn compare_maps(
        &mut self,
        step: &Step,
        keeps_lock: bool,
        ours: &'a [Line],
        theirs: &'a [Line],
    ) -> Result<(), Stop> {
        if (ours, theirs) == (self.before_here, self.before) {
            // As after most steps.
            return Ok(());
        }
        let (our_maps, their_maps) = (joined(ours), joined(theirs));
        if our_maps != their_maps {
            if keeps_lock && unlocked(&our_maps) == unlocked(&their_maps) {
                return Err(Stop::Mask("locks kept by mremap"));
            }
            return Err(self.differs(step, map_difference(&our_maps, &their_maps)));
        }
        if let Some(cut) = needless_cut(ours, theirs) {
            let what = format!("ours is cut at {}, the host's is not", show_addr(cut));
            return Err(Stop::Different(what));
        }
        self.before = theirs;
        self.before_here = ours;
        self.keeps_apart = theirs.len() > their_maps.len() || ours.len() > our_maps.len();
        Ok(())
    }

    /// Returns how two processes differ in what their pages show when they end.
    fn content_difference(
        &mut self,
        ours: &[(u64, Outcome)],
        theirs: &[(u64, Outcome)],
    ) -> Option<String> {
        for ((page, ours), (other, theirs)) in ours.iter().zip(theirs) {
            if page != other {
                return Some(format!("contents: p{page} here, p{other} on the host"));
            }
            if ours != theirs
                && !self.passes("freed", self.freed.explains_page(*page, *ours, *theirs))
            {
                return Some(format!("contents of p{page}: ours {ours}, the host's {theirs}"));
            }
        }
        (ours.len() != theirs.len())
            .then(|| format!("contents: {} pages here, {} on the host", ours.len(), theirs.len()))
    }

    /// Returns which page is present here or on the host, and not on the other.
    fn presence_difference(
        &mut self,
        step: &Step,
        ours: &[bool],
        theirs: &[bool],
    ) -> Option<String> {
        if ours.len() != theirs.len() {
            return Some(format!(
                "{} pages looked at here, {} on the host",
                ours.len(),
                theirs.len()
            ));
        }
        for (page, (ours, theirs)) in (0..).zip(ours.iter().zip(theirs)) {
            let addr = step.args[0] + page * PAGE;
            // Masks know what is mapped in the window, and nothing of the page behind it.
            if ours != theirs
                && place(addr).is_some()
                && !self.passes("freed", self.freed.hides(addr))
                && !self.may_differ_in_presence(self.before, addr, *ours)
            {
                return Some(format!("{}: present {ours}, on the host {theirs}", show_addr(addr)));
            }
        }
        None
    }

    /// Returns which page was present in one of two processes that ended, and not in the other.
    fn presence_at_end(&mut self, ours: &Ending, theirs: &Ending) -> Option<String> {
        if ours.present.len() != theirs.present.len() {
            return Some("other numbers of pages at the end of a process".to_owned());
        }
        for ((page, _), (ours, present)) in
            theirs.pages.iter().zip(ours.present.iter().zip(&theirs.present))
        {
            let addr = WINDOW + page * PAGE;
            if ours != present
                && !self.passes("freed", self.freed.was_ever(*page))
                && !self.may_differ_in_presence(&theirs.maps, addr, *ours)
            {
                let at = show_addr(addr);
                return Some(format!("{at} at the end: present {ours}, on the host {present}"));
            }
        }
        None
    }

    /// Returns whether a page may be present here and not on the host, or the other way round.
    fn may_differ_in_presence(&mut self, maps: &[Line], addr: u64, ours: bool) -> bool {
        let has_relatives = masks::is_read_by_relatives(maps, addr, self.has_forked, ours);
        let may_be_out = self.paged_out.explains(maps, addr, ours);
        let for_a_store = self.refused.explains(maps, addr, ours);
        let is_a_copy = masks::is_read_from_a_copy(maps, addr, self.has_early_copies, ours);
        self.passes("presence after a fork", has_relatives)
            || self.passes("early copies", is_a_copy)
            || self.passes("paged out", may_be_out)
            || self.passes("zeros for a store", for_a_store)
    }

    /// Returns why a step that came to different things ends the comparison.
    fn differs(&self, step: &Step, what: String) -> Stop {
        let asks_for_single = masks::asks_for_single_mappings(step, self.data_is_limited)
            || self.stack_is_limited && masks::grows_single_stacks(step, self.before);
        if self.keeps_apart && asks_for_single {
            Stop::Mask("mappings kept apart")
        } else if self.miscounts_locks && masks::may_lock(step) {
            Stop::Mask("locks kept by mremap")
        } else if masks::counts_heap_alone(step, self.data_is_limited) {
            Stop::Mask("the heap's own limit")
        } else {
            Stop::Different(what)
        }
    }
}

/// Returns an address at which ours is cut and the host's is not, unless what meets there is
/// counted differently.
fn needless_cut(ours: &[Line], theirs: &[Line]) -> Option<u64> {
    let mut before: Option<&Line> = None;
    for line in ours {
        let is_cut_there = theirs.iter().any(|theirs| theirs.start == line.start);
        if !is_cut_there
            && !before.is_some_and(|before| masks::is_counted_differently(before, line))
        {
            return Some(line.start);
        }
        before = Some(line);
    }
    None
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
