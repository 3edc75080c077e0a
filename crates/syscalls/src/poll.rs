//! Waiting for files: poll and select.

mod polling;
mod selecting;
mod wait;

#[cfg(target_arch = "x86_64")]
pub(crate) use polling::poll;
pub(crate) use polling::ppoll;
pub(crate) use selecting::pselect6;
#[cfg(target_arch = "x86_64")]
pub(crate) use selecting::select;
