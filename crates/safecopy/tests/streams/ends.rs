//! What the tests say often.

use safecopy::StreamError;
use testkit::{Answer, End};
use usermem_types::{Errno, Partial, Transfer};

/// A stream claims so many bytes.
pub(crate) fn moves(claims: usize) -> Answer {
    Answer { claims, end: End::Returns }
}

/// A stream fails.
pub(crate) fn fails(errno: Errno) -> Answer {
    Answer { claims: 0, end: End::Fails(errno) }
}

/// A stream panics.
pub(crate) fn panics() -> Answer {
    Answer { claims: 0, end: End::Panics }
}

/// A transfer ended by an error number.
pub(crate) fn errno(done: usize, errno: Errno) -> Transfer<StreamError> {
    Err(Partial::new(done, StreamError::Errno(errno)))
}

/// Runs what may panic; `None` when it did.
pub(crate) fn unless_panics<T>(run: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok()
}

/// Returns what the source of a [`testkit::StreamScript`] yields from a position on.
pub(crate) fn source(position: u64, len: usize) -> Vec<u8> {
    (position..).take(len).map(testkit::StreamScript::byte_at).collect()
}
