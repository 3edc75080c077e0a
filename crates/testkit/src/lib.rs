//! The oracle, generators and fixtures that check every layer.
//!
//! A [`ModelMemory`] is application memory in the most naive way: a map from addresses to bytes,
//! one byte at a time. Whatever implements [`Io`](usermem_io::Io) is checked against it by running
//! the same [`Op`]s on both; [`strategies`] makes them up. A [`ModelSeq`] is the same for
//! sequences of ranges.
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
mod script;
mod stream_script;
mod streams;

pub mod strategies;
pub mod stream_strategies;

pub use layout::{Area, Layout};
pub use model_host::{ModelBlocks, ModelHost};
pub use model_memory::{Call, CallKind, ModelMemory};
pub use model_seq::ModelSeq;
pub use model_stream::{Manner, ModelStream};
pub use script::{Op, Outcome, check, run};
pub use stream_script::{Answer, End, StreamCall, StreamScript};
pub use streams::{ScriptedReader, ScriptedWriter};
