//! An address space that is a stub process's.

use std::thread::{self, ThreadId};

use memmap::{AddressSpace, File, FileRange};
use parking_lot::{Condvar, Mutex};
use usermem_types::{AccessType, Addr, AddrRange, Errno, PageSize};

use super::flight::{Call, Landing};
use super::page::StubPage;
use super::ranges::Ranges;
use super::sys::{self, Pid, Stop};
use super::tracee::{Tracee, shared_mapping};
use crate::PlatformError;

/// An address space that is a stub process's.
///
/// The process exists from the first context to the last; before and after, nothing is mapped and
/// nothing needs to be. Only the thread that made the process can work on it, so:
/// * on that thread a mapping is made at once, by a call injected into the stub; or, when it is certain
///   to succeed, as the last thing before the application runs, which saves a stop;
/// * on any other thread it is only noted that the old mappings of the range must go. The
///   application faults there and its own thread maps the page;
/// * removals are noted everywhere and happen, merged, before the application runs again. When it
///   is running just now, the thread that asks waits until it has stopped.
#[derive(Debug)]
pub(super) struct PtraceAddressSpace {
    page: StubPage,
    /// Locked by the stub's own thread alone, and by it throughout a switch.
    tracee: Mutex<Option<Tracee>>,
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct State {
    owner: Option<Owner>,
    /// What may be mapped in the stub; the rest of it is certainly empty.
    mapped: Ranges,
    /// What is to be unmapped before the application runs again.
    pending: Ranges,
    /// A mapping that is to be made after that. Whatever becomes of it, what was there before must go.
    late: Option<Call>,
    /// The host has refused a change that was left for last: no other is, until a mapping was made at once.
    is_wary: bool,
    running: bool,
    /// Somebody wants the next switch to return.
    interrupted: bool,
    /// How often the stub has stopped.
    stops: u64,
}

impl State {
    /// Returns what has to be changed before the application runs, one after the other.
    fn next_change(&mut self) -> Option<Call> {
        match self.pending.pop() {
            Some((start, end)) => Some(removal(start, end)),
            None => self.late.take(),
        }
    }

    /// Notes that a change was not made, or may not have been. Its range stays in `mapped`, a part of which
    /// may be about to be mapped anew.
    fn give_up(&mut self, call: Call) {
        self.pending.insert(call.target());
    }
}

fn removal(start: u64, end: u64) -> Call {
    Call { nr: libc::SYS_munmap, args: [start, end - start, 0, 0, 0, 0], expected: 0 }
}

impl Call {
    /// Returns what a call that maps or unmaps is about.
    fn target(&self) -> AddrRange {
        let [start, len, ..] = self.args;
        Addr::new(start).to_range(len).expect("our own invariant: it was a range before")
    }

    fn maps(&self) -> bool {
        self.nr == libc::SYS_mmap
    }
}

#[derive(Clone, Copy, Debug)]
struct Owner {
    thread: ThreadId,
    pid: Pid,
}

impl PtraceAddressSpace {
    pub(super) fn new(page: StubPage) -> Self {
        Self {
            page,
            tracee: Mutex::new(None),
            state: Mutex::new(State::default()),
            stopped: Condvar::new(),
        }
    }

    /// Makes the process, traced by the calling thread.
    pub(super) fn start(&self) -> Result<Pid, PlatformError> {
        let mut tracee = self.tracee.try_lock();
        let slot = match tracee.as_deref_mut() {
            Some(slot @ None) => slot,
            _ => {
                return Err(PlatformError {
                    what: "another context runs in the address space".to_owned(),
                    errno: Errno::EBUSY,
                });
            }
        };
        let spawned = Tracee::spawn(self.page)?;
        let pid = spawned.pid();
        *slot = Some(spawned);
        let owner = Some(Owner { thread: thread::current().id(), pid });
        *self.state.lock() = State { owner, ..State::default() };
        Ok(pid)
    }

    /// Ends the process.
    pub(super) fn stop(&self) {
        let tracee = self.tracee.lock().take();
        drop(tracee);
        *self.state.lock() = State::default();
    }

    /// Works on the stopped stub, on its own thread.
    pub(super) fn with<R>(
        &self,
        work: impl FnOnce(&mut Tracee) -> Result<R, PlatformError>,
    ) -> Result<R, PlatformError> {
        match self.tracee.lock().as_mut() {
            Some(tracee) => work(tracee),
            None => Err(PlatformError {
                what: "the address space has no process".to_owned(),
                errno: Errno::ESRCH,
            }),
        }
    }

    /// Changes what is noted, then lets the application run; [`PtraceAddressSpace::paused`] and
    /// [`PtraceAddressSpace::land`] must follow when it has stopped. Returns whether it runs: it does not
    /// when an interrupt waits.
    pub(super) fn run(&self, tracee: &mut Tracee) -> Result<bool, PlatformError> {
        let last = loop {
            let mut state = self.state.lock();
            if std::mem::take(&mut state.interrupted) {
                return Ok(false);
            }
            let Some(change) = state.next_change() else {
                state.running = true;
                break None;
            };
            // From the moment that it runs, others reach the stub by a signal, which an injected call would take
            // for nothing: so nothing else may come in between.
            let is_last = state.pending.is_empty() && state.late.is_none();
            if is_last && !state.is_wary && tracee.can_run_after()? {
                state.running = true;
                break Some(change);
            }
            drop(state);
            self.change_now(tracee, change)?;
        };
        let run = match last {
            Some(last) => tracee.run_after(last),
            None => tracee.run(),
        };
        if run.is_err() {
            self.paused();
        }
        run.map(|()| true)
    }

    /// Sees to the change that was under way when the stub stopped. Returns whether the stop concerns the
    /// application.
    pub(super) fn land(&self, tracee: &mut Tracee, stop: Stop) -> Result<bool, PlatformError> {
        let Some((call, landing)) = tracee.landed(stop)? else { return Ok(true) };
        if matches!(landing, Landing::NotMade | Landing::Failed(_)) {
            let mut state = self.state.lock();
            // Another thread may have wanted it gone meanwhile, so it is not made again unasked: the
            // application misses it then.
            state.give_up(call);
            state.is_wary |= matches!(landing, Landing::Failed(_));
        }
        // What stops the stub's own code is a signal from outside, its trap, or a fault where the application keeps
        // itself from reading (protection keys): by then the call is made, and it goes on the other way.
        Ok(landing == Landing::Over)
    }

    /// Makes a change that was left for last.
    fn change_now(&self, tracee: &mut Tracee, change: Call) -> Result<(), PlatformError> {
        if !change.maps() {
            return self.unmap_now(tracee, change);
        }
        let made = self.map_now(tracee, change)?;
        let mut state = self.state.lock();
        // Whoever asks again is told.
        state.is_wary = made.is_err();
        if made.is_err() {
            state.give_up(change);
        }
        Ok(())
    }

    /// Makes the switch that is going on return, or the next one when none is.
    pub(super) fn interrupt(&self) {
        let mut state = self.state.lock();
        state.interrupted = true;
        if let Some(owner) = state.owner
            && state.running
        {
            // Under the lock, so that the process still is the one that runs.
            sys::kick(owner.pid);
        }
    }

    /// Notes that the application has stopped.
    pub(super) fn paused(&self) {
        let mut state = self.state.lock();
        state.running = false;
        state.stops = state.stops.wrapping_add(1);
        drop(state);
        self.stopped.notify_all();
    }

    fn unmap_now(&self, tracee: &mut Tracee, call: Call) -> Result<(), PlatformError> {
        match tracee.inject(call.nr, call.args)? {
            Ok(_) => Ok(()),
            // A hole would make one mapping more than the host allows. All of them can go: each
            // is made again when it is missed.
            Err(Errno::ENOMEM) => self.unmap_all(tracee),
            Err(errno) => tracee.check("munmap in a stub", Err(errno)),
        }
    }

    fn unmap_all(&self, tracee: &mut Tracee) -> Result<(), PlatformError> {
        // What is noted stays so: another thread may have noted the removal of what is about to be mapped.
        let user = self.user_range();
        let all = removal(user.start().get(), user.end().get());
        let result = tracee.inject(all.nr, all.args)?;
        tracee.check("munmap in a stub", result).map(drop)
    }

    fn map_now(&self, tracee: &mut Tracee, call: Call) -> Result<Result<(), Errno>, PlatformError> {
        let mut result = tracee.inject(call.nr, call.args)?;
        if result == Err(Errno::ENOMEM) {
            // Most likely the host's limit of mappings: make room, as in `unmap_now`.
            self.unmap_all(tracee)?;
            result = tracee.inject(call.nr, call.args)?;
        }
        Ok(result.map(drop))
    }
}

impl AddressSpace for PtraceAddressSpace {
    fn map_file(
        &self,
        addr: Addr,
        file: &dyn File,
        range: FileRange,
        access: AccessType,
        populate: bool,
    ) -> Result<(), Errno> {
        let target = addr.to_range(range.len()).ok_or(Errno::EINVAL)?;
        // The host would see to the rest, but not before the range has been noted as mapped.
        let aligned = target.is_page_aligned(PageSize::K4) && PageSize::K4.is_aligned(range.start);
        if !aligned || target.is_empty() || !self.user_range().is_superset_of(target) {
            return Err(Errno::EINVAL);
        }
        let populate = if populate { libc::MAP_POPULATE } else { 0 };
        // Whether code alone can be read must not depend on the host: one with protection keys
        // hides it.
        let prot = access.effective().prot().cast_signed();
        let place = (addr.get(), range.len());
        let args = shared_mapping(place, prot, populate, &file.fd(), range.start);
        let call = Call { nr: libc::SYS_mmap, args, expected: addr.get() };
        let mut state = self.state.lock();
        let Some(owner) = state.owner else { return Ok(()) };
        if owner.thread != thread::current().id() {
            drop(state);
            self.unmap(target);
            return Ok(());
        }
        state.pending.remove(target);
        state.mapped.insert(target);
        let is_late = file.is_always_mapped() && !state.is_wary;
        let earlier = if is_late { state.late.replace(call) } else { state.late.take() };
        drop(state);
        let made = self.with(|tracee| {
            tracee.alive()?;
            if let Some(earlier) =
                earlier.filter(|earlier| !target.is_superset_of(earlier.target()))
            {
                self.change_now(tracee, earlier)?;
            }
            if is_late {
                return Ok(Ok(()));
            }
            let made = self.map_now(tracee, call)?;
            self.state.lock().is_wary &= made.is_err();
            Ok(made)
        });
        match made {
            Ok(Ok(())) => Ok(()),
            // What was there before is still there, and its pages may be somebody else's soon.
            Ok(Err(errno)) => {
                self.unmap(target);
                Err(errno)
            }
            // The stub is gone, which the next switch reports.
            Err(error) => Err(error.errno),
        }
    }

    fn unmap(&self, range: AddrRange) {
        assert!(range.is_page_aligned(PageSize::K4), "unmapping part of a page");
        let mut state = self.state.lock();
        let Some(owner) = state.owner else { return };
        if let Some(late) = state.late.take_if(|late| late.target().overlaps(range)) {
            state.give_up(late);
        }
        if let Some(hull) = state.mapped.hull_within(range) {
            state.mapped.remove(hull);
            state.pending.insert(hull);
        }
        // A third thread may have noted the range, and be waiting here, too.
        if state.running && state.pending.hull_within(range).is_some() {
            // Only another thread comes here. The application must have stopped before its pages
            // may be used for something else.
            let stops = state.stops;
            sys::kick(owner.pid);
            while state.running && state.stops == stops {
                self.stopped.wait(&mut state);
            }
        }
    }

    fn user_range(&self) -> AddrRange {
        AddrRange::new(Addr::new(0x1_0000), Addr::new(self.page.start()))
            .expect("our own invariant: the stub lies in the upper half of user space")
    }
}
