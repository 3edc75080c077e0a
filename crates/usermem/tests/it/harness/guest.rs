//! Guest programs of our own, in C, compiled when a test first asks for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Returns the static executable made from `guests/NAME.c`.
///
/// # Panics
///
/// Panics with the compiler's words when it refuses: a C compiler and static C library are requirements of this project.
pub(crate) fn guest(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // A test that failed while it held the lock leaves a map that is still right.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let path = compile(name);
    built.insert(name.to_owned(), path.clone());
    path
}

fn compile(name: &str) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/guests");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    fs::create_dir_all(&folder).expect("the guest folder can be made");
    let unfinished = folder.join(format!("{name}.{}", std::process::id()));
    let output = Command::new("cc")
        .args(["-static", "-O1", "-std=gnu11", "-Wall", "-Werror", "-fno-strict-aliasing", "-o"])
        .arg(&unfinished)
        .arg(sources.join(format!("{name}.c")))
        .output()
        .expect("`cc` can be started");
    assert!(output.status.success(), "guest {name}:\n{}", String::from_utf8_lossy(&output.stderr));
    // Renamed into place: an older copy may be running in another test process.
    let path = folder.join(name);
    fs::rename(&unfinished, &path).expect("the guest can be renamed");
    path
}
