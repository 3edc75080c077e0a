//! The current task stays on its thread: it proves that this is the thread.

use kernel_task::CurrentTask;

fn send(task: CurrentTask) {
    std::thread::spawn(move || drop(task));
}

fn main() {
    let _ = send;
}
