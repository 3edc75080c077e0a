//! The oracle, generators and fixtures that check every layer.
//!
//! A [`ModelMemory`] is application memory in the most naive way: a map from addresses to bytes,
//! one byte at a time. Whatever implements [`Io`](usermem_io::Io) is checked against it by running
//! the same [`Op`]s on both; [`strategies`] makes them up. A [`ModelSeq`] is the same for
//! sequences of ranges.

#![forbid(unsafe_code)]

mod layout;
mod model_memory;
mod model_seq;
mod script;
mod streams;

pub mod fuzz;
pub mod strategies;

pub use layout::{Area, Layout};
pub use model_memory::{Call, CallKind, ModelMemory};
pub use model_seq::ModelSeq;
pub use script::{Op, Outcome, check, run};
pub use streams::{ScriptedReader, ScriptedWriter};
