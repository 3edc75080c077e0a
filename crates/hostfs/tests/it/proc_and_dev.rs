//! Entries that come from above, and what of the host's `/proc` and `/dev` is there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use hostfs::{DescriptorTable, FileDescription, FileKind, Whence};
use usermem_io::IoCause;
use usermem_types::Errno;

use crate::support::{Fixture, read, read_at, write};

fn text(text: &'static str) -> hostfs::Contents {
    Arc::new(move || text.as_bytes().to_vec())
}

/// A table of open files.
#[derive(Default)]
struct Table(Mutex<BTreeMap<u32, Arc<dyn FileDescription>>>);

impl DescriptorTable for Table {
    fn numbers(&self) -> Vec<u32> {
        self.0.lock().unwrap().keys().copied().collect()
    }

    fn get(&self, number: u32) -> Option<Arc<dyn FileDescription>> {
        self.0.lock().unwrap().get(&number).cloned()
    }
}

fn with_process() -> (Fixture, Arc<Table>) {
    let fixture = Fixture::new(&["/tmp"], |dir| {
        fs::create_dir(dir.join("tmp")).unwrap();
        fs::write(dir.join("file"), "contents").unwrap();
        fs::write(dir.join("tmp/rw"), "rw").unwrap();
        symlink("/proc/self/exe", dir.join("exe")).unwrap();
        symlink("/proc/self/fd/3", dir.join("three")).unwrap();
    });
    let table = Arc::new(Table::default());
    let namespace = &fixture.namespace;
    namespace.add_link(b"/proc/self", text("42"));
    namespace.add_link(b"/proc/42/exe", text("/file"));
    namespace.add_file(b"/proc/42/maps", 0o444, text("maps\n"));
    namespace.add_descriptors(b"/proc/42/fd", Arc::clone(&table) as Arc<_>);
    (fixture, table)
}

fn names(directory: &dyn FileDescription) -> Vec<String> {
    let mut names = Vec::new();
    directory
        .read_dir(&mut |entry| {
            names.push(String::from_utf8(entry.name.clone()).unwrap());
            true
        })
        .unwrap();
    names
}

#[test]
fn synthetic_files_are_read_as_they_were_when_opened() {
    let (fixture, _) = with_process();
    let count = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&count);
    let contents: hostfs::Contents =
        Arc::new(move || format!("{}!", counting.fetch_add(1, Ordering::Relaxed)).into_bytes());
    fixture.namespace.add_file(b"/proc/42/count", 0o400, contents);
    let file = fixture.open("/proc/self/count", libc::O_RDONLY).unwrap();
    assert_eq!(read(file.as_ref(), 1), Ok(b"0".to_vec()));
    assert_eq!(read(file.as_ref(), 9), Ok(b"!".to_vec()));
    assert_eq!(read(file.as_ref(), 9), Ok(Vec::new()));
    assert_eq!(read_at(file.as_ref(), 9, 1), Ok(b"!".to_vec()));
    assert_eq!(file.seek(0, Whence::Start), Ok(0));
    assert_eq!(read(file.as_ref(), 9), Ok(b"1!".to_vec()));
    let stat = file.stat().unwrap();
    assert_eq!((stat.mode, stat.size), (libc::S_IFREG | 0o400, 0));
    assert_eq!(file.path(), b"/proc/42/count");
    assert_eq!(fixture.open("/proc/42/count", libc::O_RDWR).err(), Some(Errno::EACCES));
    assert_eq!(fixture.open("/proc/42/count/x", 0).err(), Some(Errno::ENOTDIR));
    assert_eq!(file.chmod(0o777), Err(Errno::EROFS));
    fixture.namespace.remove(b"/proc/42/count");
    assert_eq!(fixture.open("/proc/42/count", 0).err(), Some(Errno::ENOENT));
}

#[test]
fn links_lead_from_the_host_to_our_entries_and_back() {
    let (fixture, _) = with_process();
    let (namespace, root) = (&fixture.namespace, fixture.root.as_ref());
    assert_eq!(namespace.read_link(root, b"/proc/self"), Ok(b"42".to_vec()));
    assert_eq!(namespace.read_link(root, b"/proc/self/exe"), Ok(b"/file".to_vec()));
    for path in ["/exe", "/proc/self/exe", "/proc/42/exe", "proc/./self/../42/exe", "/../exe"] {
        let file = fixture.open(path, 0).unwrap();
        assert_eq!(read(file.as_ref(), 9), Ok(b"contents".to_vec()), "{path}");
        assert_eq!(file.path(), b"/file", "{path}");
    }
    let nofollow = libc::AT_SYMLINK_NOFOLLOW as u32;
    let mode = |path: &[u8], flags| namespace.stat(root, path, flags).unwrap().mode & libc::S_IFMT;
    assert_eq!(mode(b"/proc/self", nofollow), libc::S_IFLNK);
    assert_eq!(mode(b"/proc/self", 0), libc::S_IFDIR);
    assert_eq!(mode(b"/proc/self/", nofollow), libc::S_IFDIR);
    let opened = fixture.open("/proc/self", libc::O_NOFOLLOW);
    assert_eq!(opened.err(), Some(Errno::ELOOP));
    assert_eq!(namespace.unlink(root, b"/proc/self", 0), Err(Errno::EROFS));
    assert_eq!(namespace.symlink(b"x", root, b"/proc/self"), Err(Errno::EEXIST));
    let create = fixture.open("/proc/new", libc::O_CREAT | libc::O_WRONLY);
    assert_eq!(create.err(), Some(Errno::EROFS));
}

#[test]
fn open_files_are_reached_through_their_numbers() {
    let (fixture, table) = with_process();
    let (namespace, root) = (&fixture.namespace, fixture.root.as_ref());
    let (reader, _writer) = hostfs::pipe(0).unwrap();
    let writable = fixture.open("/tmp/rw", libc::O_RDWR).unwrap();
    let files = [
        (3, fixture.open("/file", 0).unwrap()),
        (4, fixture.open("/tmp", libc::O_RDONLY | libc::O_DIRECTORY).unwrap()),
        (7, reader),
        (8, writable),
    ];
    table.0.lock().unwrap().extend(files);
    let fds = fixture.open("/proc/self/fd", libc::O_RDONLY).unwrap();
    assert_eq!(names(fds.as_ref()), [".", "..", "3", "4", "7", "8"]);
    assert_eq!(namespace.read_link(root, b"/proc/self/fd/3"), Ok(b"/file".to_vec()));
    assert_eq!(namespace.read_link(root, b"/dev/fd/4"), Ok(b"/tmp".to_vec()));
    assert_eq!(namespace.read_link(fds.as_ref(), b"3"), Ok(b"/file".to_vec()));
    for path in ["/proc/self/fd/3", "/dev/fd/3", "/three", "/proc/42/fd/3"] {
        let again = fixture.open(path, 0).unwrap();
        assert_eq!(read(again.as_ref(), 4), Ok(b"cont".to_vec()), "{path}");
        assert_eq!(fixture.open(path, libc::O_RDWR).err(), Some(Errno::EROFS), "{path}");
    }
    let below = fixture.open("/proc/self/fd/4/rw", 0).unwrap();
    assert_eq!(below.path(), b"/tmp/rw");
    let above = fixture.open("/proc/self/fd/4/../file", 0).unwrap();
    assert_eq!(above.path(), b"/file");
    let again = fixture.open("/dev/fd/8", libc::O_WRONLY | libc::O_TRUNC | libc::O_CREAT).unwrap();
    assert_eq!(write(again.as_ref(), b"new"), Ok(3));
    let pipe = namespace.stat(root, b"/proc/self/fd/7", 0).unwrap();
    assert_eq!(pipe.mode & libc::S_IFMT, libc::S_IFIFO);
    let link = namespace.stat(root, b"/proc/self/fd/7", libc::AT_SYMLINK_NOFOLLOW as u32).unwrap();
    assert_eq!(link.mode & libc::S_IFMT, libc::S_IFLNK);
    for path in ["/proc/self/fd/5", "/proc/self/fd/03", "/proc/self/fd/x", "/proc/self/fd/-3"] {
        assert_eq!(fixture.open(path, 0).err(), Some(Errno::ENOENT), "{path}");
    }
    assert_eq!(fixture.open("/proc/self/fd/3/x", 0).err(), Some(Errno::ENOTDIR));
    assert_eq!(fixture.open("/proc/self/fd/7/x", 0).err(), Some(Errno::ENOTDIR));
}

#[test]
fn directories_list_ours_and_the_host_s() {
    let (fixture, _) = with_process();
    let root = fixture.open("/", libc::O_RDONLY).unwrap();
    let mut root_names = names(root.as_ref());
    root_names.sort();
    assert_eq!(root_names, [".", "..", "dev", "exe", "file", "proc", "three", "tmp"]);
    let proc = fixture.open("/proc", libc::O_RDONLY).unwrap();
    let proc_names = names(proc.as_ref());
    for name in [".", "..", "42", "self", "mounts", "meminfo", "cpuinfo"] {
        assert_eq!(proc_names.iter().filter(|n| *n == name).count(), 1, "{name}");
    }
    let numbers = proc_names.iter().filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(numbers.collect::<Vec<_>>(), ["42"]);
    assert!(names(proc.as_ref()).is_empty());
    assert_eq!(proc.seek(0, Whence::Start), Ok(0));
    assert_eq!(names(proc.as_ref()), proc_names);
    let pid = fixture.open("/proc/self", libc::O_RDONLY).unwrap();
    assert_eq!(names(pid.as_ref()), [".", "..", "exe", "fd", "maps"]);
    let dev = fixture.open("/dev", libc::O_RDONLY).unwrap();
    let mut dev_names = names(dev.as_ref());
    dev_names.sort();
    let devices = ["fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"];
    for name in devices {
        assert!(dev_names.iter().any(|n| n == name), "{name}");
    }
    assert_eq!(fixture.open("/file", 0).unwrap().read_dir(&mut |_| true), Err(Errno::ENOTDIR));
}

#[test]
fn listing_goes_on_where_it_stopped_or_was_put() {
    let fixture = Fixture::new(&[], |dir| {
        fs::create_dir(dir.join("d")).unwrap();
        for n in 0..500 {
            fs::write(dir.join(format!("d/{n:03}")), "").unwrap();
        }
    });
    for path in ["/d", "/proc"] {
        let all = names(fixture.open(path, 0).unwrap().as_ref());
        let directory = fixture.open(path, 0).unwrap();
        let mut offsets = Vec::new();
        let mut pieces = Vec::new();
        loop {
            let before = pieces.len();
            let mut room = 7;
            directory
                .read_dir(&mut |entry| {
                    if room == 0 {
                        return false;
                    }
                    room -= 1;
                    pieces.push(String::from_utf8(entry.name.clone()).unwrap());
                    offsets.push(entry.offset);
                    true
                })
                .unwrap();
            if pieces.len() == before {
                break;
            }
        }
        assert_eq!(pieces, all, "{path}");
        directory.seek(offsets[4] as i64, Whence::Start).unwrap();
        assert_eq!(names(directory.as_ref()), all[5..], "{path}");
    }
}

#[test]
fn what_the_host_tells_of_itself_is_read_and_not_written() {
    let (fixture, _) = with_process();
    let meminfo = fixture.open("/proc/meminfo", 0).unwrap();
    assert!(read(meminfo.as_ref(), 64).unwrap().starts_with(b"MemTotal:"));
    assert_eq!(meminfo.path(), b"/proc/meminfo");
    assert_eq!(fixture.open("/proc/meminfo", libc::O_TRUNC).err(), Some(Errno::EROFS));
    assert_eq!(fixture.open("/proc/kmsg", 0).err(), Some(Errno::ENOENT));
    assert_eq!(fixture.open("/proc/1", 0).err(), Some(Errno::ENOENT));
}

#[test]
fn devices_for_programs_are_there_and_others_are_refused() {
    let (fixture, _) = with_process();
    let zero = fixture.open("/dev/zero", libc::O_RDWR).unwrap();
    assert_eq!((zero.kind(), zero.path()), (FileKind::Device, b"/dev/zero".to_vec()));
    assert_eq!(read(zero.as_ref(), 3), Ok(vec![0; 3]));
    let full = fixture.open("/dev/full", libc::O_WRONLY).unwrap();
    assert_eq!(write(full.as_ref(), b"x"), Err(IoCause::Stream(Errno::ENOSPC)));
    let null = fixture.open("/dev/null", libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC).unwrap();
    assert_eq!(write(null.as_ref(), b"gone"), Ok(4));
    assert_eq!(null.stat().unwrap().rdev, (1, 3));
    assert_eq!(read(fixture.open("/dev/urandom", 0).unwrap().as_ref(), 5).unwrap().len(), 5);

    let host = hostfs::Namespace::new("/".as_ref(), &[]).unwrap();
    let root = host.root_directory().unwrap();
    for path in ["/dev/kmsg", "/dev/loop0", "/dev/mem", "/dev/console", "/dev/vda"] {
        if host.stat(root.as_ref(), path.as_bytes(), 0).is_ok() {
            for flags in [libc::O_RDONLY, libc::O_RDWR] {
                let opened = host.open(root.as_ref(), path.as_bytes(), flags as u32, 0);
                assert_eq!(opened.err(), Some(Errno::EACCES), "{path}");
            }
            let place = host.open(root.as_ref(), path.as_bytes(), libc::O_PATH as u32, 0).unwrap();
            assert_eq!(place.reopen(0).err(), Some(Errno::EACCES), "{path}");
        }
    }
}
