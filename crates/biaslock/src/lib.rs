//! A reader-writer lock whose readers use plain loads and stores, and whose writers pay for it.
//!
//! Each thread that reads has a record that says which lock it is reading. A reader
//! stores the lock's address there, and looks whether the lock is closed; a writer closes the lock,
//! has every CPU that runs this process pass a memory barrier (`membarrier(2)`), and waits until no
//! record names the lock. Whichever of the two comes first, one of them sees the other. So a reader
//! executes no locked instruction and no fence, and shares no cache line with other readers.
//!
//! Below it lies an ordinary reader-writer lock, which writers hold, and readers that may block or
//! that the lock is closed to. A lock that was written while other threads read stays closed for as
//! many reads as the barrier was worth: many writes in a row pay for one barrier.
//!
//! ```
//! use biaslock::BiasedRwLock;
//!
//! let lock = BiasedRwLock::new(1);
//! *lock.write() += 1;
//! // In the usual case; there is always the other way.
//! let value = match lock.fast_read() {
//!     Some(value) => *value,
//!     None => *lock.read(),
//! };
//! assert_eq!(value, 2);
//! ```

mod barrier;
mod guard;
mod lock;
mod primitive;
mod record;

#[cfg(all(test, loom))]
mod lock_loom;
#[cfg(all(test, not(loom)))]
mod tests;

pub use guard::{FastGuard, ReadGuard, WriteGuard};
pub use lock::BiasedRwLock;
