//! A process that forks while its threads copy.

use std::sync::atomic::{AtomicBool, Ordering};

use safecopy::{Status, init, status};

use crate::child::{End, ends, faults_are_recovered};

#[cfg(target_arch = "x86_64")]
const FORKS: usize = 100;
/// Emulation is slow.
#[cfg(not(target_arch = "x86_64"))]
const FORKS: usize = 10;

#[test]
fn a_child_of_a_process_whose_threads_copy_copies_too() {
    ends(End::Exit(0), || {
        init().unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        faults_are_recovered();
                    }
                });
            }
            let outcomes: Vec<_> = (0..FORKS)
                .map(|_| {
                    // SAFETY: the child makes accesses, asks for the status, and ends.
                    let pid = unsafe { libc::fork() };
                    if pid == 0 {
                        for _ in 0..100 {
                            faults_are_recovered();
                        }
                        init().unwrap();
                        let works = status().unwrap() == Status::Installed;
                        // SAFETY: ends the child.
                        unsafe { libc::_exit(if works { 0 } else { 1 }) };
                    }
                    let mut raw = 0;
                    // SAFETY: the child is ours.
                    assert_eq!(unsafe { libc::waitpid(pid, &raw mut raw, 0) }, pid);
                    raw
                })
                .collect();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(outcomes, [0; FORKS]);
        });
    });
}
