//! Resource limits and scheduling.

mod resources;
mod scheduling;

pub use scheduling::{may_run_on, possible_cpus, remember_cpus};

pub(crate) use resources::{getrlimit, prlimit64, setrlimit};
pub(crate) use scheduling::{
    getcpu, getpriority, sched_get_priority_max, sched_get_priority_min, sched_getaffinity,
    sched_getparam, sched_getscheduler, sched_setaffinity, sched_setparam, sched_setscheduler,
    sched_yield, setpriority,
};
