//! The rows, level by level, from the instruction to the program.

mod copy;
mod fault;
mod manager;
mod mapping;
mod run;
mod sequence;
mod structure;
mod tables;

pub(crate) use self::run::find;
use crate::bench::Bench;

/// Every level.
pub(crate) fn all(bench: &mut Bench<'_>) {
    copy::rows(bench);
    fault::rows(bench);
    structure::rows(bench);
    manager::rows(bench);
    mapping::rows(bench);
    sequence::rows(bench);
    run::rows(bench);
}
