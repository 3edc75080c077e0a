//! A host without `membarrier(2)`. Alone in its process, which finds out once.

use std::collections::BTreeMap;
use std::error::Error;

use biaslock::BiasedRwLock;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

#[cfg(target_arch = "x86_64")]
const MEMBARRIER: i64 = 324;
#[cfg(target_arch = "aarch64")]
const MEMBARRIER: i64 = 283;

/// Refuses the call to this thread and its children.
fn refuse() -> Result<(), Box<dyn Error>> {
    let enosys = SeccompAction::Errno(38);
    let rules = BTreeMap::from([(MEMBARRIER, Vec::new())]);
    let arch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, enosys, arch)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

#[test]
fn readers_take_the_inner_lock() {
    if let Err(error) = refuse() {
        println!("skipped: this host refuses nothing: {error}");
        return;
    }
    let lock = BiasedRwLock::new(0);
    let read = || {
        assert!(lock.fast_read().is_none());
        *lock.read()
    };
    for round in 0..100 {
        assert_eq!(read(), round);
        *lock.write() += 1;
        std::thread::scope(|scope| {
            assert_eq!(scope.spawn(read).join().unwrap(), round + 1);
        });
    }
}
