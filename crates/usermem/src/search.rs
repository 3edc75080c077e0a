//! Finding a program that was named without a directory.

use hostfs::{FileDescription, Namespace};

/// The `PATH` of a program that was given none.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const EXECUTE: u32 = 1;

/// Returns the path of a program: the name itself when it has a slash, otherwise the first
/// executable file of that name in the directories of `PATH`, as the program sees them.
pub(crate) fn find(
    namespace: &Namespace,
    cwd: &dyn FileDescription,
    name: &[u8],
    path: Option<&[u8]>,
) -> Option<Vec<u8>> {
    const TYPE: u32 = 0o170_000;
    const DIRECTORY: u32 = 0o040_000;
    if name.contains(&b'/') {
        return Some(name.to_vec());
    }
    if name.is_empty() {
        return None;
    }
    path.unwrap_or(DEFAULT_PATH)
        .split(|byte| *byte == b':')
        .map(|directory| {
            let directory = if directory.is_empty() { b"." } else { directory };
            [directory, b"/", name].concat()
        })
        .find(|candidate| {
            let is_file =
                namespace.stat(cwd, candidate, 0).is_ok_and(|stat| stat.mode & TYPE != DIRECTORY);
            is_file && namespace.access(cwd, candidate, EXECUTE, 0).is_ok()
        })
}
