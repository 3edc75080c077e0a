//! Making scripts smaller.

use crate::op::{Arg, Op};
use crate::script::{Script, Step};
use crate::window::{PAGE, WINDOW};

/// Returns a smaller script for which `fails` holds as well: one of which no step can be left
/// out, and no argument be made simpler.
///
/// Steps are left out in halves, quarters and so on, again and again: chains of steps that only
/// matter together would survive a single pass.
pub fn shrink(script: Script, mut fails: impl FnMut(&Script) -> bool) -> Script {
    let mut best = script;
    loop {
        let before = best.clone();
        best = without_steps(best, &mut fails);
        best = with_simpler_arguments(best, &mut fails);
        if best == before {
            return best;
        }
    }
}

fn without_steps(mut best: Script, fails: &mut impl FnMut(&Script) -> bool) -> Script {
    let mut chunk = best.0.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        while start < best.0.len() {
            let end = (start + chunk).min(best.0.len());
            let mut steps = best.0.clone();
            steps.drain(start..end);
            let candidate = Script(steps);
            if !candidate.0.is_empty() && fails(&candidate) {
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

fn with_simpler_arguments(mut best: Script, fails: &mut impl FnMut(&Script) -> bool) -> Script {
    for index in 0..best.0.len() {
        let Step { op, .. } = best.0[index];
        for (number, arg) in op.args().iter().enumerate() {
            for simpler in simpler(op, *arg, best.0[index].args[number]) {
                let mut candidate = best.clone();
                candidate.0[index].args[number] = simpler;
                if fails(&candidate) {
                    best = candidate;
                    break;
                }
            }
        }
    }
    best
}

/// Returns simpler values of an argument, the simplest first.
fn simpler(op: Op, arg: Arg, value: u64) -> Vec<u64> {
    let mut candidates = match arg {
        Arg::Addr => vec![WINDOW, value & !(PAGE - 1), value.saturating_sub(PAGE)],
        Arg::Len => vec![0, PAGE, value & !(PAGE - 1), value / 2 & !(PAGE - 1), value.saturating_sub(PAGE)],
        Arg::Prot => vec![3, 1, 0, value & 7],
        Arg::File => vec![1],
        Arg::Byte => vec![0x90],
        Arg::Bits(_) => {
            let bits = (0..64).map(|bit| 1 << bit).filter(|bit| value & bit != 0);
            let mut fewer: Vec<u64> = bits.map(|bit| value & !bit).collect();
            if op == Op::Mmap {
                // Anonymous memory is simpler than a file.
                fewer.insert(0, value | 0x20);
                fewer.retain(|fewer| fewer & 0x10 == value & 0x10);
            }
            fewer
        }
        Arg::Number(_) => Vec::new(),
    };
    let is_window = |addr: u64| addr >= WINDOW;
    candidates.retain(|candidate| {
        let grows = match arg {
            Arg::Bits(_) => *candidate == value,
            Arg::Prot => *candidate == value || value == 3,
            Arg::Addr => *candidate >= value || !is_window(*candidate),
            _ => *candidate >= value,
        };
        !grows
    });
    candidates
}
