//! Who had a signal before us: published by `init`, read by the handler at any moment.
//!
//! # Protocol
//!
//! An action never changes once it is published: it is boxed, never freed, and a pointer to it is
//! stored. A handler thus reads what is whole, whatever happens meanwhile. The pointer moves
//!
//! | from | to | who | when |
//! |---|---|---|---|
//! | null | what the host says is installed | `make` | before our handler can run |
//! | that | what our handler replaced | `make` | only when somebody installed it between the two |
//! | either | null | the handler | the action has given way to the default |
//!
//! Null stands for the default. Between the first two rows a signal goes to an action that was
//! installed when `make` began, though another may have taken its place since: the host has no
//! call that installs only what nobody overtook, and a handler cannot wait for `make`, which it
//! may have interrupted.
#![expect(unsafe_code, reason = "a published pointer becomes a reference")]

use std::ptr;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::primitive::{AtomicBool, AtomicPtr, Mutex};

/// Where actions are installed.
pub(crate) trait Host {
    /// What happens on the signal.
    type Action: Send + Sync + 'static;
    /// Why the host refuses.
    type Error;

    /// Returns what is installed.
    fn installed(&self) -> Result<Self::Action, Self::Error>;

    /// Installs our handler in place of `old`, and returns what it replaced.
    fn install_over(&self, old: &Self::Action) -> Result<Self::Action, Self::Error>;

    /// Returns whether it is our handler.
    fn is_ours(&self, action: &Self::Action) -> bool;

    /// Returns whether it is the default.
    fn is_default(&self, action: &Self::Action) -> bool;

    /// Returns whether a signal has the same effect under both.
    fn is_same(&self, a: &Self::Action, b: &Self::Action) -> bool;
}

/// One signal of the process, which we take over once.
pub(crate) struct Claim<A: 'static> {
    /// Held by the first `make`; later ones do not need it, nor does the handler ever.
    turn: Mutex<()>,
    made: AtomicBool,
    predecessor: AtomicPtr<A>,
}

impl<A: Send + Sync> Claim<A> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self {
            turn: Mutex::new(()),
            made: AtomicBool::new(false),
            predecessor: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self {
            turn: Mutex::new(()),
            made: AtomicBool::new(false),
            predecessor: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Installs our handler, the first time; returns whether it is installed. Somebody who
    /// replaced it is left in place.
    pub(crate) fn make<H: Host<Action = A>>(&self, host: &H) -> Result<bool, H::Error> {
        if !self.is_made() {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.is_made() {
                self.take_over(host)?;
                self.made.store(true, Ordering::Release);
                return Ok(true);
            }
        }
        self.holds(host)
    }

    /// Returns whether our handler was ever installed.
    pub(crate) fn is_made(&self) -> bool {
        self.made.load(Ordering::Acquire)
    }

    /// Returns whether our handler is installed now.
    pub(crate) fn holds<H: Host<Action = A>>(&self, host: &H) -> Result<bool, H::Error> {
        Ok(host.is_ours(&host.installed()?))
    }

    fn take_over<H: Host<Action = A>>(&self, host: &H) -> Result<(), H::Error> {
        let old = self.publish(host.installed()?);
        let replaced = host.install_over(old)?;
        // Not published again when it is the same: it may have given way since.
        if !host.is_same(&replaced, old) {
            self.publish(replaced);
        }
        Ok(())
    }

    fn publish(&self, action: A) -> &'static A {
        let action = Box::leak(Box::new(action));
        self.predecessor.store(action, Ordering::Release);
        action
    }

    /// Returns who gets a signal that is not ours; `None` means the default. One that
    /// `is_one_shot` gets no other.
    ///
    /// Runs in a signal handler.
    pub(crate) fn heir(&self, is_one_shot: impl Fn(&A) -> bool) -> Option<&'static A> {
        loop {
            let action: *const A = self.predecessor.load(Ordering::Acquire);
            // SAFETY: null, or published: then it is never written nor freed.
            let action: &'static A = unsafe { action.as_ref() }?;
            // It may lose against another handler, or against `make`, which publishes twice at
            // most: so this ends.
            if !is_one_shot(action) || self.give_way(action) {
                return Some(action);
            }
        }
    }

    /// Puts our handler back after `action`, whom the handler called, installed the default: from
    /// now on the default is what is before us.
    ///
    /// Runs in a signal handler.
    pub(crate) fn restore<H: Host<Action = A>>(
        &self,
        host: &H,
        action: &'static A,
    ) -> Result<(), H::Error> {
        if host.is_default(&host.installed()?) {
            self.give_way(action);
            host.install_over(action)?;
        }
        Ok(())
    }

    /// Lets the default take the place of `action`; returns whether it had a place.
    fn give_way(&self, action: &'static A) -> bool {
        self.predecessor
            .compare_exchange(
                ptr::from_ref(action).cast_mut(),
                ptr::null_mut(),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok()
    }
}
