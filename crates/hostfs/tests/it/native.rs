//! The same operations on a plain directory, by the host and through a namespace: the same
//! answers, and the same directory afterwards.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::fs::MetadataExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use usermem_types::Errno;

use crate::support::Fixture;

const PATHS: &[&str] = &[
    "",
    ".",
    "..",
    "./",
    "file",
    "file/",
    "file/x",
    "file/.",
    "dir",
    "dir/",
    "dir/.",
    "dir/..",
    "dir/../file",
    "full",
    "missing",
    "missing/",
    "missing/x",
    "missing/..",
    "link",
    "link/",
    "link/x",
    "dirlink",
    "dirlink/",
    "dirlink/.",
    "dirlink/inside",
    "dangling",
    "dangling/",
    "loop",
    "loop/",
    "loop/x",
    "fifo",
    "fifo/x",
    "full//inside",
    "full/inside/",
];

/// Where an operation is tried.
enum Where<'a> {
    Host(OwnedFd),
    Namespace(&'a Fixture, Arc<dyn hostfs::FileDescription>),
}

/// How the namespace looks paths up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The host looks up whole paths, as long as it can.
    Host,
    /// Name by name, as below an entry of ours.
    Name,
}

/// Two equal directories: one for the host, one for a namespace.
struct Pair {
    by: By,
    unchanged: Option<(Fixture, Fixture)>,
}

impl Pair {
    fn new(by: By) -> Self {
        Self { by, unchanged: None }
    }

    fn fresh(&self) -> Fixture {
        let fixture = Fixture::new(&["/"], fill);
        if self.by == By::Name {
            fixture.namespace.add_file(b"/area/ours", 0o444, Arc::new(Vec::new));
        }
        fixture
    }

    /// Performs an operation in both and compares answers and, after a success, the directories.
    #[track_caller]
    fn compare(&mut self, what: &str, operation: &dyn Fn(&Where<'_>) -> Result<(), Errno>) {
        let what = format!("{what}, by {:?}", self.by);
        let (host, ours) = self.unchanged.take().unwrap_or_else(|| (self.fresh(), self.fresh()));
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(host.host("area"), flags, Mode::empty()).unwrap();
        let expected = operation(&Where::Host(dir));
        let base = ours.open("area", libc::O_RDONLY).unwrap();
        assert_eq!(operation(&Where::Namespace(&ours, base)), expected, "{what}");
        if expected.is_ok() {
            assert_eq!(list(&ours.host("area")), list(&host.host("area")), "{what}");
        } else {
            self.unchanged = Some((host, ours));
        }
    }
}

fn fill(dir: &Path) {
    let area = dir.join("area");
    for name in ["", "dir", "full"] {
        fs::create_dir(area.join(name)).unwrap();
    }
    fs::write(area.join("file"), "contents").unwrap();
    fs::write(area.join("full/inside"), "inside").unwrap();
    for (target, name) in
        [("file", "link"), ("full", "dirlink"), ("nowhere", "dangling"), ("loop", "loop")]
    {
        symlink(target, area.join(name)).unwrap();
    }
    rustix::fs::mknodat(rustix::fs::CWD, area.join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
}

fn list(dir: &Path) -> Vec<String> {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    let mut listed = Vec::new();
    for entry in entries {
        let meta = entry.metadata().unwrap();
        let len = if meta.is_file() { meta.len() } else { 0 };
        listed.push(format!("{:?} {:o} {len}", entry.file_name(), meta.mode()));
        if meta.is_dir() {
            listed.extend(list(&entry.path()));
        }
    }
    listed
}

fn errno<T>(result: rustix::io::Result<T>) -> Result<(), Errno> {
    result.map(|_| ()).map_err(|error| Errno::from_raw(error.raw_os_error()))
}

#[test]
fn opening_answers_as_the_host_does() {
    [By::Host, By::Name].into_iter().for_each(opening);
}

fn opening(by: By) {
    let mut pair = Pair::new(by);
    let flags = [
        libc::O_RDONLY,
        libc::O_WRONLY,
        libc::O_RDWR | libc::O_TRUNC,
        libc::O_RDONLY | libc::O_CREAT,
        libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC,
        libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL,
        libc::O_WRONLY | libc::O_CREAT | libc::O_NOFOLLOW,
        libc::O_RDONLY | libc::O_NOFOLLOW,
        libc::O_RDONLY | libc::O_DIRECTORY,
        libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW,
        libc::O_PATH,
        libc::O_PATH | libc::O_NOFOLLOW,
        libc::O_PATH | libc::O_DIRECTORY,
        libc::O_CREAT | libc::O_DIRECTORY,
        libc::O_TMPFILE | libc::O_RDWR,
        libc::O_TMPFILE,
    ];
    for path in PATHS {
        for flags in flags {
            // Nobody is at the other end of the FIFO to wait for.
            let flags = (flags | libc::O_NONBLOCK) as u32;
            pair.compare(&format!("open {path:?} {flags:o}"), &|place| match place {
                Where::Host(dir) => {
                    let flags = OFlags::from_bits_retain(flags) | OFlags::CLOEXEC;
                    errno(rustix::fs::openat(dir, *path, flags, Mode::from_bits_retain(0o640)))
                }
                Where::Namespace(fixture, base) => {
                    let base = base.as_ref();
                    fixture.namespace.open(base, path.as_bytes(), flags, 0o640).map(|_| ())
                }
            });
        }
    }
}

#[test]
fn asking_answers_as_the_host_does() {
    [By::Host, By::Name].into_iter().for_each(asking);
}

fn asking(by: By) {
    let mut pair = Pair::new(by);
    for path in PATHS {
        for flags in [AtFlags::empty(), AtFlags::SYMLINK_NOFOLLOW, AtFlags::EMPTY_PATH] {
            pair.compare(&format!("stat {path:?} {flags:?}"), &|place| match place {
                Where::Host(dir) => errno(rustix::fs::statat(dir, *path, flags)),
                Where::Namespace(fixture, base) => {
                    let base = base.as_ref();
                    fixture.namespace.stat(base, path.as_bytes(), flags.bits()).map(|_| ())
                }
            });
        }
        pair.compare(&format!("readlink {path:?}"), &|place| match place {
            Where::Host(dir) => errno(rustix::fs::readlinkat(dir, *path, Vec::new())),
            Where::Namespace(fixture, base) => {
                fixture.namespace.read_link(base.as_ref(), path.as_bytes()).map(|_| ())
            }
        });
        for mode in [0, 1, 2, 4, 7] {
            pair.compare(&format!("access {path:?} {mode}"), &|place| match place {
                Where::Host(dir) => {
                    let access = rustix::fs::Access::from_bits_retain(mode);
                    errno(rustix::fs::accessat(dir, *path, access, AtFlags::empty()))
                }
                Where::Namespace(fixture, base) => {
                    fixture.namespace.access(base.as_ref(), path.as_bytes(), mode, 0)
                }
            });
        }
    }
}

#[test]
fn changing_entries_answers_as_the_host_does() {
    [By::Host, By::Name].into_iter().for_each(changing_entries);
}

fn changing_entries(by: By) {
    let mut pair = Pair::new(by);
    for path in PATHS {
        pair.compare(&format!("mkdir {path:?}"), &|place| match place {
            Where::Host(dir) => errno(rustix::fs::mkdirat(dir, *path, Mode::RWXU)),
            Where::Namespace(fixture, base) => {
                fixture.namespace.mkdir(base.as_ref(), path.as_bytes(), 0o700)
            }
        });
        for flags in [AtFlags::empty(), AtFlags::REMOVEDIR] {
            pair.compare(&format!("unlink {path:?} {flags:?}"), &|place| match place {
                Where::Host(dir) => errno(rustix::fs::unlinkat(dir, *path, flags)),
                Where::Namespace(fixture, base) => {
                    fixture.namespace.unlink(base.as_ref(), path.as_bytes(), flags.bits())
                }
            });
        }
        pair.compare(&format!("symlink {path:?}"), &|place| match place {
            Where::Host(dir) => errno(rustix::fs::symlinkat("file", dir, *path)),
            Where::Namespace(fixture, base) => {
                fixture.namespace.symlink(b"file", base.as_ref(), path.as_bytes())
            }
        });
        pair.compare(&format!("mkfifo {path:?}"), &|place| match place {
            Where::Host(dir) => {
                errno(rustix::fs::mknodat(dir, *path, FileType::Fifo, Mode::RWXU, 0))
            }
            Where::Namespace(fixture, base) => {
                let mode = libc::S_IFIFO | 0o700;
                fixture.namespace.mknod(base.as_ref(), path.as_bytes(), mode)
            }
        });
        pair.compare(&format!("chmod {path:?}"), &|place| match place {
            Where::Host(dir) => {
                errno(rustix::fs::chmodat(dir, *path, Mode::RWXU, AtFlags::empty()))
            }
            Where::Namespace(fixture, base) => {
                fixture.namespace.chmod(base.as_ref(), path.as_bytes(), 0o700, 0)
            }
        });
    }
}

#[test]
fn two_paths_answer_as_the_host_does() {
    [By::Host, By::Name].into_iter().for_each(two_paths);
}

fn two_paths(by: By) {
    let mut pair = Pair::new(by);
    let some = ["", ".", "..", "file", "file/", "dir", "dir/", "full", "full/new", "missing"];
    let more = ["missing/", "link", "link/", "dirlink", "dirlink/", "dangling", "fifo", "file/x"];
    let paths: Vec<&str> = some.into_iter().chain(more).collect();
    for old in &paths {
        for new in &paths {
            for flags in [RenameFlags::empty(), RenameFlags::NOREPLACE, RenameFlags::EXCHANGE] {
                pair.compare(&format!("rename {old:?} {new:?} {flags:?}"), &|place| match place {
                    Where::Host(dir) => {
                        errno(rustix::fs::renameat_with(dir, *old, dir, *new, flags))
                    }
                    Where::Namespace(fixture, base) => {
                        let (old, new) = (old.as_bytes(), new.as_bytes());
                        let base = base.as_ref();
                        fixture.namespace.rename(base, old, base, new, flags.bits())
                    }
                });
            }
            for flags in [AtFlags::empty(), AtFlags::SYMLINK_FOLLOW] {
                pair.compare(&format!("link {old:?} {new:?} {flags:?}"), &|place| match place {
                    Where::Host(dir) => errno(rustix::fs::linkat(dir, *old, dir, *new, flags)),
                    Where::Namespace(fixture, base) => {
                        let (old, new) = (old.as_bytes(), new.as_bytes());
                        let base = base.as_ref();
                        fixture.namespace.link(base, old, base, new, flags.bits())
                    }
                });
            }
        }
    }
}

#[test]
fn what_stat_tells_is_what_the_host_tells() {
    let fixture = Fixture::new(&[], fill);
    for path in ["area/file", "area/dir", "area/link", "area/fifo"] {
        let ours = fixture.namespace.stat(fixture.root.as_ref(), path.as_bytes(), 0).unwrap();
        let host = fs::metadata(fixture.host(path)).unwrap();
        assert_eq!(
            (ours.ino, ours.mode, u64::from(ours.nlink), ours.size, ours.blocks),
            (host.st_ino(), host.st_mode(), host.st_nlink(), host.st_size(), host.st_blocks())
        );
        assert_eq!((ours.uid, ours.gid), (host.st_uid(), host.st_gid()));
        assert_eq!(libc::makedev(ours.dev.0, ours.dev.1), host.st_dev());
        assert_eq!(
            (ours.mtime.sec, i64::from(ours.mtime.nsec)),
            (host.st_mtime(), host.st_mtime_nsec())
        );
    }
    let file = fixture.open("area/file", 0).unwrap();
    let (ours, host) = (file.statfs().unwrap(), rustix::fs::fstatfs(fixture_fd(&fixture).as_fd()));
    let host = host.unwrap();
    assert_eq!((ours.kind, ours.bsize), (host.f_type as u64, host.f_bsize as u64));
    assert_eq!((ours.blocks, ours.files), (host.f_blocks, host.f_files));
    assert_eq!(ours.namelen, host.f_namelen as u64);
}

fn fixture_fd(fixture: &Fixture) -> OwnedFd {
    rustix::fs::open(fixture.dir.path(), OFlags::DIRECTORY, Mode::empty()).unwrap()
}
