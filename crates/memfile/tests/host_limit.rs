//! What becomes of a memory file when the host refuses. Alone in its process, whose limits it
//! lowers.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use memfile::{AllocOpts, Commit, MemoryFile, MemoryFileError, MemoryFileOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use usermem_types::Errno;

const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;

/// Lowers a soft limit while `f` runs.
fn with_limit<R>(resource: Resource, limit: u64, f: impl FnOnce() -> R) -> R {
    let before = getrlimit(resource);
    setrlimit(resource, Rlimit { current: Some(limit), ..before }).unwrap();
    let result = f();
    setrlimit(resource, before).unwrap();
    result
}

fn file(reservation: u64) -> Result<std::sync::Arc<MemoryFile>, MemoryFileError> {
    MemoryFile::new(MemoryFileOptions { reservation, ..MemoryFileOptions::default() })
}

/// Uses all of a file and gives it back.
fn use_all(file: &std::sync::Arc<MemoryFile>) {
    let all = file.allocate(file.capacity(), AllocOpts::default()).unwrap();
    assert_eq!(file.allocate(PAGE, AllocOpts::default()).unwrap_err(), Errno::ENOMEM);
    drop(all);
    let opts = AllocOpts { commit: Commit::Now, ..AllocOpts::default() };
    drop(file.allocate(4 * PAGE, opts).unwrap());
    assert_eq!(file.allocated_bytes(), 0);
}

/// Returns the bytes of address space that this process uses.
fn address_space() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').next().unwrap().parse::<u64>().unwrap() * PAGE
}

#[test]
fn refusals_of_the_host_are_errors_and_cost_nothing() {
    // Address space: less is reserved, down to the least that is of use.
    let used = address_space();
    with_limit(Resource::As, used + 300 * MIB, || {
        let first = file(1 << 42).unwrap();
        assert_eq!(first.capacity(), 256 * MIB);
        use_all(&first);
        assert_eq!(file(1 << 42).unwrap_err(), MemoryFileError::Reserve(Errno::ENOMEM));
        use_all(&first);
        drop(first);
        assert_eq!(file(1 << 42).unwrap().capacity(), 256 * MIB, "it was given back");
    });
    // Sizes of files: growing beyond would be a signal.
    with_limit(Resource::Fsize, 100 * MIB + 1, || {
        let file = file(1 << 42).unwrap();
        assert_eq!(file.capacity(), 100 * MIB);
        use_all(&file);
    });
    with_limit(Resource::Fsize, 64 * MIB - 1, || {
        assert_eq!(file(1 << 42).unwrap_err(), MemoryFileError::FileSizeLimit(64 * MIB - 1));
    });
    // Descriptors.
    with_limit(Resource::Nofile, 0, || {
        assert_eq!(file(1 << 42).unwrap_err(), MemoryFileError::Create(Errno::EMFILE));
    });
    use_all(&file(1 << 30).unwrap());
}
