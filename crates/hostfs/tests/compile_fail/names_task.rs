//! A crate at the rank of this one cannot name a task.

use ::kernel_task::{CurrentTask, Task};

fn main() {
    let _: Option<(CurrentTask, Task)> = None;
}
