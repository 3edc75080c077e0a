//! What transfers are to `std::io`.

use std::io;

use usermem_types::{Partial, Transfer};

/// Returns the count where there is one, and the cause where there is none.
pub(crate) fn short_first<C>(copied: Transfer<C>) -> io::Result<usize>
where
    C: std::error::Error + Send + Sync + 'static,
{
    match copied {
        Ok(done) => Ok(done),
        Err(Partial { done: 0, cause }) => Err(io::Error::other(cause)),
        Err(Partial { done, .. }) => Ok(done),
    }
}
