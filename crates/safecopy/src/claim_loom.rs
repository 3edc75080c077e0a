//! Every order of events around a claim, tried by loom:
//! `RUSTFLAGS="--cfg loom" cargo test -p safecopy --lib --release --target-dir target/loom loom`.
#![expect(unsafe_code, reason = "reads loom's cells")]

use std::sync::atomic::{AtomicUsize, Ordering};

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::claim::{Claim, Host};

/// What is installed in a modelled process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Default,
    Ours,
    Handler(u32),
    /// Called once; the default is back before it runs.
    OneShot,
    /// Installs the default, as Rust's own handler does.
    Resetting,
}

/// What a claim publishes: loom reports a read that no store is known to come before.
struct Action(UnsafeCell<Who>);

// SAFETY: loom checks each access.
unsafe impl Sync for Action {}
// SAFETY: as above.
unsafe impl Send for Action {}

impl Action {
    fn new(who: Who) -> Self {
        let cell = UnsafeCell::new(Who::Default);
        // An explicit store: loom does not count the one that makes a cell.
        // SAFETY: nobody else knows of the cell yet.
        cell.with_mut(|place| unsafe { *place = who });
        Self(cell)
    }

    fn who(&self) -> Who {
        // SAFETY: nobody writes it once it is made; loom would tell.
        self.0.with(|who| unsafe { *who })
    }
}

/// One signal of a process, and a claim to it.
struct Process {
    /// A lock, as the kernel has one around its actions.
    installed: Mutex<Who>,
    /// Who got each signal; a lock of the test, whose order does not matter.
    got: std::sync::Mutex<Vec<Who>>,
    claim: Claim<Action>,
}

impl Host for Process {
    type Action = Action;
    type Error = ();

    fn installed(&self) -> Result<Action, ()> {
        Ok(Action::new(*self.installed.lock().unwrap()))
    }

    fn install_over(&self, _: &Action) -> Result<Action, ()> {
        Ok(Action::new(self.install(Who::Ours)))
    }

    fn is_ours(&self, action: &Action) -> bool {
        action.who() == Who::Ours
    }

    fn is_default(&self, action: &Action) -> bool {
        action.who() == Who::Default
    }

    fn is_same(&self, a: &Action, b: &Action) -> bool {
        a.who() == b.who()
    }
}

impl Process {
    fn new(installed: Who) -> Arc<Self> {
        Arc::new(Self {
            installed: Mutex::new(installed),
            got: std::sync::Mutex::new(Vec::new()),
            claim: Claim::new(),
        })
    }

    fn install(&self, who: Who) -> Who {
        std::mem::replace(&mut *self.installed.lock().unwrap(), who)
    }

    fn make(&self) -> bool {
        self.claim.make(self).unwrap()
    }

    /// A signal is sent to the process, and is not ours.
    fn signal(&self) {
        let who = {
            let mut installed = self.installed.lock().unwrap();
            let who = *installed;
            if who == Who::OneShot {
                *installed = Who::Default;
            }
            who
        };
        if who != Who::Ours {
            return self.call(who);
        }
        let heir = self.claim.heir(|action| action.who() == Who::OneShot);
        self.call(heir.map_or(Who::Default, Action::who));
        if let Some(action) = heir {
            self.claim.restore(self, action).unwrap();
        }
    }

    fn call(&self, who: Who) {
        self.got.lock().unwrap().push(who);
        if who == Who::Resetting {
            self.install(Who::Default);
        }
    }

    fn got(&self) -> Vec<Who> {
        let mut got = self.got.lock().unwrap().clone();
        got.sort_by_key(|who| format!("{who:?}"));
        got
    }
}

/// Runs a model in every order of events, and says in how many.
fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
    static EXECUTIONS: AtomicUsize = AtomicUsize::new(0);
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    EXECUTIONS.store(0, Ordering::Relaxed);
    let mut builder = loom::model::Builder::new();
    // Beyond three switches that no thread asks for, loom's authors have found no more bugs.
    builder.preemption_bound = Some(3);
    builder.check(move || {
        EXECUTIONS.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let executions = EXECUTIONS.load(Ordering::Relaxed);
    println!("{name}: {executions} executions");
    assert!(executions > 1, "nothing happened at the same time");
}

/// Runs the steps at the same time: the last here, each other in a thread of its own.
fn together<const N: usize>(process: &Arc<Process>, others: [fn(&Process); N], last: fn(&Process)) {
    let threads = others.map(|step| {
        let process = Arc::clone(process);
        thread::spawn(move || step(&process))
    });
    last(process);
    for thread in threads {
        thread.join().unwrap();
    }
}

fn makes(process: &Process) {
    assert!(process.make());
}

#[test]
fn loom_two_inits_install_one_handler() {
    check("two inits", || {
        let process = Process::new(Who::Handler(1));
        together(&process, [makes], makes);
        assert_eq!(*process.installed.lock().unwrap(), Who::Ours);
        process.signal();
        assert_eq!(process.got(), [Who::Handler(1)]);
    });
}

#[test]
fn loom_a_signal_during_init_goes_to_whoever_was_there() {
    for before in [Who::Default, Who::Handler(1)] {
        check("init and signals", move || {
            let process = Process::new(before);
            together(&process, [Process::signal, Process::signal], makes);
            process.signal();
            assert_eq!(process.got(), [before; 3]);
        });
    }
}

#[test]
fn loom_two_inits_and_a_signal() {
    check("two inits and a signal", || {
        let process = Process::new(Who::Handler(1));
        together(&process, [makes, Process::signal], makes);
        assert_eq!(process.got(), [Who::Handler(1)]);
    });
}

#[test]
fn loom_somebody_else_installs_during_init() {
    check("init, another's install and a signal", || {
        let process = Process::new(Who::Handler(1));
        let install = |process: &Process| {
            process.install(Who::Handler(2));
        };
        together(&process, [install, Process::signal], makes);
        let first = process.got()[0];
        assert!(matches!(first, Who::Handler(1 | 2)), "{first:?}");
        // Whoever came last has the signal; if we did, the newcomer is before us.
        process.signal();
        assert!(process.got().contains(&Who::Handler(2)), "{:?}", process.got());
    });
}

#[test]
fn loom_init_never_takes_the_signal_back() {
    check("init over another's install", || {
        let process = Process::new(Who::Handler(1));
        makes(&process);
        process.install(Who::Handler(2));
        let again = |process: &Process| assert!(!process.make());
        together(&process, [again], again);
        assert_eq!(*process.installed.lock().unwrap(), Who::Handler(2));
    });
}

#[test]
fn loom_a_one_shot_handler_is_called_once() {
    check("one shot, after init", || {
        let process = Process::new(Who::OneShot);
        makes(&process);
        together(&process, [Process::signal, Process::signal], Process::signal);
        assert_eq!(process.got(), [Who::Default, Who::Default, Who::OneShot]);
    });
}

#[test]
fn loom_a_one_shot_handler_is_not_called_after_init() {
    check("one shot, during init", || {
        let process = Process::new(Who::OneShot);
        together(&process, [Process::signal, Process::signal], makes);
        // Both, when one came before our handler was installed, and one before `make` had heard
        // what that replaced.
        let during = process.got();
        assert!(during.contains(&Who::OneShot), "{during:?}");
        process.signal();
        assert_eq!(process.got.lock().unwrap()[2], Who::Default);
    });
}

#[test]
fn loom_a_one_shot_handler_replaces_another_during_init() {
    check("one shot that comes in between", || {
        let process = Process::new(Who::Handler(1));
        let install = |process: &Process| {
            process.install(Who::OneShot);
        };
        together(&process, [install, Process::signal], makes);
        for _ in 0..2 {
            process.signal();
        }
        let got = process.got();
        assert_eq!(got.iter().filter(|&&who| who == Who::OneShot).count(), 1, "{got:?}");
        assert_eq!(got.last(), Some(&Who::OneShot));
    });
}

#[test]
fn loom_a_handler_that_resets_does_not_take_ours_away() {
    check("resetting handler", || {
        let process = Process::new(Who::Resetting);
        makes(&process);
        together(&process, [Process::signal], Process::signal);
        assert_eq!(*process.installed.lock().unwrap(), Who::Ours);
        process.signal();
        assert_eq!(process.got()[0], Who::Default);
    });
}
