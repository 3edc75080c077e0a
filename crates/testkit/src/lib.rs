//! The oracle, generators and fixtures that check every layer.
//!
//! A [`ModelMemory`] is application memory in the most naive way: a map from addresses to bytes,
//! one byte at a time. Whatever implements [`Io`](usermem_io::Io) is checked against it: [`check`]
//! runs [`Op`]s on it, which [`strategies`] makes up, and compares what they answer with what
//! [`ModelMemory::expect`] says. A [`ModelSeq`] is the same for sequences of ranges, and a
//! [`Recorder`] shows which calls an address space gets.
//!
//! A [`ModelHost`] and [`ModelBlocks`] are that for blocks of host memory, and a [`ModelStream`]
//! for the adapters of streams, over a [`StreamScript`] that misbehaves as it is told;
//! [`stream_strategies`] makes both up.

#![forbid(unsafe_code)]

mod layout;
mod model_host;
mod model_memory;
mod model_seq;
mod model_stream;

mod op;
mod outcome;
mod script;

mod recorder;
mod stream_script;
mod streams;

pub mod fuzz;
pub mod strategies;
pub mod stream_strategies;

pub use layout::{Area, Layout};
pub use model_host::{ModelBlocks, ModelHost};
pub use model_memory::ModelMemory;
pub use model_seq::ModelSeq;
pub use model_stream::{Manner, ModelStream};
pub use op::{Op, SeqStep, Size, Step};
pub use outcome::{Outcome, Stop};
pub use recorder::{Call, CallKind, Recorder};
pub use script::{check, run};
pub use stream_script::{Answer, End, StreamCall, StreamScript};
pub use streams::{ScriptedReader, ScriptedWriter};
