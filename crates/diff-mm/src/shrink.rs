//! Making scripts smaller.

use crate::op::{Arg, Op};
use crate::script::Script;
use crate::window::{PAGE, PAGES, WINDOW, place};

/// Returns a smaller script for which `fails` holds as well: one of which no step can be left
/// out, and no argument be made simpler.
///
/// Steps are left out in halves, quarters and so on, again and again: chains of steps that only
/// matter together would survive a single pass.
///
/// `fails` returns the step at which the script fails; what comes after it is left out at once.
pub fn shrink(script: Script, mut fails: impl FnMut(&Script) -> Option<usize>) -> Script {
    let mut best = script;
    let mut fails = |candidate: &mut Script| match fails(candidate) {
        Some(step) => {
            candidate.0.truncate(step + 1);
            true
        }
        None => false,
    };
    fails(&mut best);
    loop {
        let before = best.clone();
        best = without_steps(best, &mut fails);
        best = with_simpler_arguments(best, &mut fails);
        if best == before {
            return best;
        }
    }
}

fn without_steps(mut best: Script, fails: &mut impl FnMut(&mut Script) -> bool) -> Script {
    let mut chunk = best.0.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        while start < best.0.len() {
            let end = (start + chunk).min(best.0.len());
            let mut steps = best.0.clone();
            steps.drain(start..end);
            let mut candidate = Script(steps);
            if !candidate.0.is_empty() && fails(&mut candidate) {
                best = candidate;
            } else {
                start = end;
            }
        }
        if chunk == 1 {
            return best;
        }
        chunk = chunk.div_ceil(2);
    }
}

fn with_simpler_arguments(mut best: Script, fails: &mut impl FnMut(&mut Script) -> bool) -> Script {
    let mut index = 0;
    while let Some(step) = best.0.get(index) {
        let op = step.op;
        for (number, arg) in op.args().iter().enumerate() {
            while let Some(value) = best.0.get(index).map(|step| step.args[number]) {
                let candidates = simpler(op, *arg, value).into_iter().map(|simpler| {
                    let mut candidate = best.clone();
                    candidate.0[index].args[number] = simpler;
                    candidate
                });
                let mut candidates = candidates.collect::<Vec<_>>().into_iter();
                let Some(smaller) =
                    candidates.find_map(|mut smaller| fails(&mut smaller).then_some(smaller))
                else {
                    break;
                };
                best = smaller;
            }
        }
        index += 1;
    }
    best
}

/// Returns simpler values of an argument, the simplest first. Simpler is an order: there is no way
/// back from a simpler value to `value`.
fn simpler(op: Op, arg: Arg, value: u64) -> Vec<u64> {
    let whole_pages = value & !(PAGE - 1);
    let less = |candidates: &[u64]| {
        candidates.iter().copied().filter(|candidate| *candidate < value).collect::<Vec<_>>()
    };
    match arg {
        Arg::Addr => match place(value) {
            Some((page, _)) => {
                let half = WINDOW + page / 2 * PAGE;
                let lower = less(&[WINDOW, half, whole_pages, value - 16 * PAGE, value - PAGE]);
                lower.into_iter().filter(|lower| *lower >= WINDOW).collect()
            }
            None => vec![WINDOW],
        },
        // From an absurd number one page less leads nowhere.
        Arg::Len if value > PAGES * PAGE => less(&[0, PAGE]),
        Arg::Len => {
            less(&[0, PAGE, whole_pages, (value / 2) & !(PAGE - 1), value.saturating_sub(PAGE)])
        }
        Arg::Prot => {
            let simple = [3, 1, 0, 7, value & 7];
            simple.into_iter().take_while(|simple| *simple != value).collect()
        }
        Arg::File => less(&[1]),
        Arg::Byte => less(&[0x90]),
        Arg::Bits(_) if op == Op::Mmap => {
            // Anonymous memory is simpler than a file, and a fixed place than a hint.
            let anonymous = Some(value | 0x20).filter(|anonymous| *anonymous != value);
            anonymous.into_iter().chain(fewer_bits(value, 0x30)).collect()
        }
        Arg::Bits(_) => fewer_bits(value, 0).collect(),
        Arg::Number(_) => Vec::new(),
    }
}

/// Returns `value` without one bit, for each that it has and that need not be kept.
fn fewer_bits(value: u64, keep: u64) -> impl Iterator<Item = u64> {
    let bits = (0..64).map(|bit| 1 << bit).filter(move |bit| value & bit & !keep != 0);
    bits.map(move |bit| value & !bit)
}
