//! Whole programs: under `usermem run`, natively, and under peers.

mod fixture;
mod guests;
mod programs;
mod resident;
mod runner;

use std::cell::OnceCell;
use std::path::PathBuf;

use self::fixture::Fixture;
use self::runner::Runner;
pub(crate) use self::runner::find;
use crate::bench::{Bench, Setting};
use crate::lap::Lap;
use crate::plan::Plan;
use crate::row::Row;

const LEVEL: &str = "run";

/// What a row needs to run.
struct Programs<'a> {
    setting: &'a Setting<'a>,
    fixture: &'a Fixture,
}

/// How a row is measured, given its name.
type Measure = fn(&Programs<'_>, String) -> Result<Result<Row, String>, String>;

const ROWS: &[(&str, Measure)] = &[
    ("null system call", guests::null_call),
    ("read 64 KiB of /dev/zero", guests::read_zero),
    ("map + touch + unmap a page", guests::map_touch),
    ("touch fresh memory (per page)", guests::touch),
    ("python3 -c pass", programs::python),
    ("sha256sum of a file", programs::sha256sum),
    ("cat of a file to /dev/null", programs::cat),
    ("our resident memory under a large program", resident::of_a_large_program),
    ("our resident memory under many mappings", resident::of_python),
];

pub(super) fn rows(bench: &mut Bench<'_>) {
    let fixture = OnceCell::new();
    for (name, measure) in ROWS {
        bench.row(LEVEL, name, |setting, name| {
            match fixture.get_or_init(|| Fixture::new(setting.usermem)) {
                Ok(fixture) => measure(&Programs { setting, fixture }, name),
                Err(reason) => Ok(Err(reason.clone())),
            }
        });
    }
}

impl Programs<'_> {
    fn ours(&self) -> Runner {
        Runner::Usermem(self.fixture.usermem().to_owned())
    }

    /// Measures `once` for us, natively, and for the peers that have a goal.
    fn compare(
        &self,
        name: String,
        goals: &[Goal],
        once: impl Fn(&Runner) -> Result<f64, String>,
    ) -> Result<Result<Row, String>, String> {
        let (once, host) = (&once, self.setting.host);
        // As a user runs them: nobody but the program itself says on which processor.
        let lap = |runner: Runner| move |_| host.unpinned(|| once(&runner));
        let peer = |program: &str, runner: fn(PathBuf) -> Runner| {
            find(program).map(|path| Box::new(lap(runner(path))) as Lap<'_>)
        };
        let mut plan = Plan::new(name).whole().ours(lap(self.ours()));
        for goal in goals {
            plan = match goal {
                Goal::OfNative(most) => plan.limit("native", *most, lap(Runner::Native)),
                Goal::OfProot(most) => plan.peer("proot", *most, peer("proot", Runner::Proot)),
                Goal::BesidePinnedProot => {
                    let pinned = |path| {
                        let runner = Runner::Proot(path);
                        Box::new(move |_| once(&runner)) as Lap<'_>
                    };
                    plan.beside("proot on one processor", find("proot").map(pinned))
                }
                Goal::OfStrace(most) => {
                    plan.peer("strace -f", *most, peer("strace", Runner::Strace))
                }
                Goal::AtMost(most) => plan.bound(*most),
            };
        }
        self.setting.measure(plan)
    }
}

/// What our figure must not exceed.
enum Goal {
    /// So many times the native figure.
    OfNative(f64),
    /// So many times `proot`'s figure.
    OfProot(f64),
    /// Nothing: shown to tell what `proot` loses by waking another processor, as we do not.
    BesidePinnedProot,
    /// So many times the figure of `strace -f`, which traces every call.
    OfStrace(f64),
    /// So much, in the row's unit.
    AtMost(f64),
}
