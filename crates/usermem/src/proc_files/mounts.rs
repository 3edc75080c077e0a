//! `/proc/PID/mounts` and `/proc/PID/mountinfo`.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use hostfs::Contents;

/// A table of mounts: its name below the folder of a process, and in which field of a line the
/// place of a mount stands, counted from zero.
pub(super) const TABLES: [(&str, usize); 2] = [("mounts", 1), ("mountinfo", 4)];

/// Returns what makes a table of the mounts that a program sees whose root is `root`.
pub(super) fn contents((name, field): (&'static str, usize), root: PathBuf) -> Contents {
    std::sync::Arc::new(move || {
        let table = std::fs::read(format!("/proc/thread-self/{name}")).unwrap_or_default();
        below(&table, field, root.as_os_str().as_bytes())
    })
}

/// Returns the lines of mounts at or below `root`, which becomes `/`. As in Linux, the mount that
/// `root` lies in is not among them.
fn below(table: &[u8], field: usize, root: &[u8]) -> Vec<u8> {
    let root = escaped(root);
    let root = root.strip_suffix(b"/").unwrap_or(&root);
    let mut text = Vec::new();
    for line in table.split_inclusive(|byte| *byte == b'\n') {
        let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let Some(place) = fields.get_mut(field) else { continue };
        *place = match place.strip_prefix(root) {
            Some(b"") => b"/",
            Some(rest) if rest.starts_with(b"/") => rest,
            _ => continue,
        };
        text.extend(fields.join(&b' '));
    }
    text
}

/// Returns a path as it stands in a table.
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in path {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => {
                text.extend(format!("\\{byte:03o}").into_bytes());
            }
            _ => text.push(*byte),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "dev / ext4 rw 0 0\nproc /proc proc rw 0 0\n\
                          a /srv/a\\040tree tmpfs rw 0 0\nb /srv/a\\040tree/b tmpfs rw 0 0\n\
                          c /srv/a\\040treehouse tmpfs rw 0 0\n";

    #[track_caller]
    fn check(table: &str, field: usize, root: &str, expected: &str) {
        let text = below(table.as_bytes(), field, root.as_bytes());
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }

    #[test]
    fn mounts_are_those_below_the_root() {
        check(MOUNTS, 1, "/", MOUNTS);
        check(MOUNTS, 1, "/srv/a tree", "a / tmpfs rw 0 0\nb /b tmpfs rw 0 0\n");
        check(MOUNTS, 1, "/srv/a", "");
        check("9 8 0:1 / /srv/x rw - tmpfs x rw\n", 4, "/srv", "9 8 0:1 / /x rw - tmpfs x rw\n");
        check("short\n", 4, "/", "");
    }
}
