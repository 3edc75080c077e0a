//! The text of `/proc/sysvipc/shm`.

use std::fmt::Write;

use super::ShmRegistry;

/// The line above the segments.
const HEADER: &str = concat!(
    "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid",
    "      atime      dtime      ctime                   rss                  swap\n"
);

impl ShmRegistry {
    /// Returns the segments as `/proc/sysvipc/shm` lists them.
    #[must_use]
    pub fn list_text(&self) -> Vec<u8> {
        let mut text = String::from(HEADER);
        for segment in self.all() {
            let stat = segment.stat();
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:10} {:10}  {:4o} {:21} {:5} {:5}  {:5} {:5} {:5} {:5} {:5} {:10} {:10} {:10} \
                 {:21} {:21}",
                stat.key,
                stat.id,
                stat.mode,
                stat.size,
                stat.cpid,
                stat.lpid,
                stat.nattch,
                stat.uid,
                stat.gid,
                stat.cuid,
                stat.cgid,
                stat.atime,
                stat.dtime,
                stat.ctime,
                segment.resident_bytes(),
                0,
            );
        }
        text.into_bytes()
    }
}
