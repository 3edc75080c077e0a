//! Whoever holds a task, and not the current one, has no copy wrappers: its thread may be running.

use kernel_task::Task;
use usermem_types::Addr;

fn peek(task: &Task) -> [u8; 4] {
    let mut bytes = [0; 4];
    let _ = task.copy_in_bytes(Addr::new(0x1000), &mut bytes);
    bytes
}

fn main() {
    let _ = peek;
}
