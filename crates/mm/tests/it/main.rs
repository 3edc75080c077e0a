//! The memory manager over every kind of address space.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod direct;
mod exhaustion;
mod machine;
mod model;
mod objects;
mod rig;
mod stress;
mod stress_fast;
mod stress_fork;
