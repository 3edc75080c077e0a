//! An address space that is a stub process's.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use memmap::{AddressSpace, File, FileRange};
use parking_lot::{Condvar, Mutex};
use usermem_types::{AccessType, Addr, AddrRange, Errno, PageSize};

use super::filter::Filters;
use super::page::StubPage;
use super::ranges::Ranges;
use super::sys::{self, Pid};
use super::tracee::Tracee;
use crate::PlatformError;

/// An address space that is a stub process's.
///
/// The process exists from the first context to the last; before and after, nothing is mapped and
/// nothing needs to be. Only the thread that made the process can work on it, so:
/// * on that thread a mapping is made at once, by a call injected into the stub;
/// * on any other thread it is only noted that the old mappings of the range must go. The
///   application faults there and its own thread maps the page;
/// * removals are noted everywhere and happen, merged, before the application runs again. When it
///   is running just now, the thread that asks waits until it has stopped.
#[derive(Debug)]
pub(super) struct PtraceAddressSpace {
    page: StubPage,
    filters: Arc<Filters>,
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
    running: bool,
    /// Somebody wants the next switch to return.
    interrupted: bool,
    /// How often the stub has stopped.
    stops: u64,
}

#[derive(Clone, Copy, Debug)]
struct Owner {
    thread: ThreadId,
    pid: Pid,
}

impl PtraceAddressSpace {
    pub(super) fn new(page: StubPage, filters: Arc<Filters>) -> Self {
        Self {
            page,
            filters,
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
        let spawned = Tracee::spawn(self.page, &self.filters)?;
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

    /// Removes what is noted, then lets the application run; [`PtraceAddressSpace::paused`] must
    /// follow when it has stopped. Returns whether it runs: it does not when an interrupt waits.
    pub(super) fn run(&self, tracee: &mut Tracee) -> Result<bool, PlatformError> {
        loop {
            let mut state = self.state.lock();
            if std::mem::take(&mut state.interrupted) {
                return Ok(false);
            }
            if state.pending.is_empty() {
                state.running = true;
                break;
            }
            let ranges = state.pending.take();
            drop(state);
            for (start, end) in ranges {
                self.unmap_now(tracee, start, end)?;
            }
        }
        let run = tracee.run();
        if run.is_err() {
            self.paused();
        }
        run.map(|()| true)
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

    fn unmap_now(&self, tracee: &mut Tracee, start: u64, end: u64) -> Result<(), PlatformError> {
        let args = [start, end - start, 0, 0, 0, 0];
        match tracee.inject(libc::SYS_munmap, args)? {
            Ok(_) => Ok(()),
            // A hole would make one mapping more than the host allows. All of them can go: each
            // is made again when it is missed.
            Err(Errno::ENOMEM) => self.unmap_all(tracee),
            Err(errno) => tracee.check("munmap in a stub", Err(errno)),
        }
    }

    fn unmap_all(&self, tracee: &mut Tracee) -> Result<(), PlatformError> {
        let user = self.user_range();
        let mut state = self.state.lock();
        state.mapped.clear();
        state.pending.clear();
        drop(state);
        let args = [user.start().get(), user.len(), 0, 0, 0, 0];
        let result = tracee.inject(libc::SYS_munmap, args)?;
        tracee.check("munmap in a stub", result).map(drop)
    }

    fn map_now(
        &self,
        target: AddrRange,
        args: [u64; 6],
    ) -> Result<Result<(), Errno>, PlatformError> {
        self.with(|tracee| {
            let mut result = tracee.inject(libc::SYS_mmap, args)?;
            if result == Err(Errno::ENOMEM) {
                // Most likely the host's limit of mappings: make room, as in `unmap_now`.
                self.unmap_all(tracee)?;
                result = tracee.inject(libc::SYS_mmap, args)?;
                self.state.lock().mapped.insert(target);
            }
            Ok(result.map(drop))
        })
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
        let mut state = self.state.lock();
        let Some(owner) = state.owner else { return Ok(()) };
        if owner.thread != thread::current().id() {
            drop(state);
            self.unmap(target);
            return Ok(());
        }
        state.pending.remove(target);
        state.mapped.insert(target);
        drop(state);
        let populate = if populate { libc::MAP_POPULATE } else { 0 };
        let flags = libc::MAP_SHARED | libc::MAP_FIXED | populate;
        let fd = u64::try_from(file.fd().as_raw_fd()).map_err(|_| Errno::EBADF)?;
        // Whether code alone can be read must not depend on the host: one with protection keys
        // hides it.
        let prot = access.effective().prot().into();
        let args = [addr.get(), range.len(), prot, flags.cast_unsigned().into(), fd, range.start];
        match self.map_now(target, args) {
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
