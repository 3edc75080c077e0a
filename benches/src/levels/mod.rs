//! The rows, level by level, from the instruction to the program.

mod copy;
mod fault;
mod manager;
mod run;
mod tables;

use crate::bench::Bench;

/// Every level.
pub(crate) fn all(bench: &mut Bench<'_>) {
    copy::rows(bench);
    fault::rows(bench);
    manager::rows(bench);
    run::rows(bench);
}
