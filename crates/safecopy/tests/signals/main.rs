//! Signals that are not ours, and what had been installed before our handler.
//!
//! Every test runs in a forked child, and nothing here calls `init` outside of one: each child
//! starts without our handler, and its fate is what is looked at.
#![expect(unsafe_code, reason = "installs handlers, and raises signals")]

mod chaining;
mod child;
mod fork;
mod guards;
mod storms;
mod threads;
