//! Runs a program natively and under `usermem run`, and compares.

mod case;
mod diff;
mod group;
mod guest;
mod inputs;
mod run;
mod scratch;

pub(crate) use case::Case;
pub(crate) use diff::first_difference;
pub(crate) use group::{Group, programs, say};
pub(crate) use guest::guest;
pub(crate) use inputs::{Noise, input};
pub(crate) use run::{Ended, environment, find_program, run, usermem};
pub(crate) use scratch::{Scratch, Tree};
