//! The oracle, generators and fixtures that check every layer.
//!
//! A [`ModelMemory`] is application memory in the most naive way: a map from addresses to bytes,
//! one byte at a time. Whatever implements [`Io`](usermem_io::Io) is checked against it: [`check`]
//! runs [`Op`]s on it, which [`strategies`] makes up, and compares what they answer with what
//! [`ModelMemory::expect`] says. A [`ModelSeq`] is the same for sequences of ranges, and a
//! [`Recorder`] shows which calls an address space gets.

#![forbid(unsafe_code)]

mod layout;
mod model_memory;
mod model_seq;

mod op;
mod outcome;
mod script;

mod recorder;
mod streams;

pub mod strategies;

pub use layout::{Area, Layout};
pub use model_memory::ModelMemory;
pub use model_seq::ModelSeq;
pub use op::{Op, SeqStep, Size, Step};
pub use outcome::{Outcome, Stop};
pub use recorder::{Call, CallKind, Recorder};
pub use script::{check, run};
pub use streams::{ScriptedReader, ScriptedWriter};
