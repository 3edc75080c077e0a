//! Writing is allowed below the directories that were named, and nowhere else.

use std::fs;
use std::os::unix::fs::symlink;

use hostfs::SetTime;
use usermem_types::Errno;

use crate::support::{Fixture, read, write};

fn fixture() -> Fixture {
    Fixture::new(&["/rw"], |dir| {
        for name in ["ro", "rw", "ro/dir", "rw/dir", "rwx"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        fs::write(dir.join("ro/file"), "x").unwrap();
        fs::write(dir.join("rw/r"), "r").unwrap();
        symlink("file", dir.join("ro/link")).unwrap();
        symlink("missing", dir.join("ro/dangling")).unwrap();
    })
}

fn name(result: Result<(), Errno>) -> String {
    result.map_or_else(|errno| errno.to_string(), |()| "ok".to_owned())
}

fn perform(operation: &str, path: &str) -> Result<(), Errno> {
    let fixture = fixture();
    let (namespace, root) = (&fixture.namespace, fixture.root.as_ref());
    let at = path.as_bytes();
    let words: Vec<&str> = operation.split_whitespace().collect();
    let now = (SetTime::Now, SetTime::Now);
    match words.as_slice() {
        ["open", "@", flags] => fixture.open(path, open_flags(flags)).map(|_| ()),
        ["mkdir", "@"] => namespace.mkdir(root, at, 0o755),
        ["rmdir", "@"] => namespace.unlink(root, at, libc::AT_REMOVEDIR as u32),
        ["unlink", "@"] => namespace.unlink(root, at, 0),
        ["symlink", "@"] => namespace.symlink(b"x", root, at),
        ["chmod", "@"] => namespace.chmod(root, at, 0o600, 0),
        ["chown", "@"] => namespace.chown(root, at, u32::MAX, u32::MAX, 0),
        ["utime", "@"] => namespace.set_times(root, at, now.0, now.1, 0),
        ["truncate", "@"] => namespace.truncate(root, at, 0),
        ["access", "W", "@"] => namespace.access(root, at, 2, 0),
        ["mkfifo", "@"] => namespace.mknod(root, at, libc::S_IFIFO | 0o644),
        ["rename", "@", "->", "same", ..] => namespace.rename(root, at, root, b"ro/new", 0),
        ["rename", "@", "->", "rw"] => namespace.rename(root, at, root, b"rw/new", 0),
        ["rename", "rw", "->", "@"] => namespace.rename(root, b"rw/r", root, at, 0),
        ["link", "@", "->", "ro", "new"] => namespace.link(root, at, root, b"ro/new", 0),
        ["link", "@", "->", "rw"] => namespace.link(root, at, root, b"rw/new", 0),
        ["link", "rw", "->", "@"] => namespace.link(root, b"rw/r", root, at, 0),
        other => panic!("no such operation: {other:?}"),
    }
}

fn open_flags(names: &str) -> i32 {
    names.split('|').fold(0, |flags, name| {
        flags
            | match name {
                "O_RDONLY" => libc::O_RDONLY,
                "O_WRONLY" => libc::O_WRONLY,
                "O_RDWR" => libc::O_RDWR,
                "O_TRUNC" => libc::O_TRUNC,
                "O_CREAT" => libc::O_CREAT,
                "O_EXCL" => libc::O_EXCL,
                "O_NOFOLLOW" => libc::O_NOFOLLOW,
                other => panic!("no such flag: {other}"),
            }
    })
}

#[test]
fn a_read_only_tree_answers_as_a_read_only_mount_does() {
    let mut checked = 0;
    for line in include_str!("read_only.txt").lines().filter(|line| !line.starts_with('#')) {
        let (operation, answers) = line.rsplit_once('|').unwrap();
        let names = ["file", "dir", "link", "dangling", "missing"];
        for (target, expected) in names.into_iter().zip(answers.split_whitespace()) {
            let result = name(perform(operation, &format!("ro/{target}")));
            assert_eq!(result, expected, "{operation} on {target}");
            checked += 1;
        }
    }
    assert_eq!(checked, 26 * 5);
}

#[test]
fn below_a_writable_directory_everything_is_allowed() {
    let fixture = fixture();
    let (namespace, root) = (&fixture.namespace, fixture.root.as_ref());
    let file = fixture.open("/rw/dir/new", libc::O_CREAT | libc::O_RDWR | libc::O_EXCL).unwrap();
    assert_eq!(write(file.as_ref(), b"hello"), Ok(5));
    assert_eq!(fs::read(fixture.host("rw/dir/new")).unwrap(), b"hello");
    file.truncate(2).unwrap();
    file.chmod(0o600).unwrap();
    assert_eq!(file.stat().unwrap().mode & 0o7777, 0o600);
    assert_eq!(file.path(), b"/rw/dir/new");
    namespace.mkdir(root, b"rw/d2/", 0o755).unwrap();
    namespace.rename(root, b"rw/dir/new", root, b"rw/d2/moved", 0).unwrap();
    assert_eq!(file.path(), b"/rw/d2/moved");
    namespace.link(root, b"rw/d2/moved", root, b"rw/second", 0).unwrap();
    assert_eq!(file.stat().unwrap().nlink, 2);
    namespace.symlink(b"second", root, b"rw/third").unwrap();
    assert_eq!(namespace.read_link(root, b"rw/third"), Ok(b"second".to_vec()));
    namespace.truncate(root, b"rw/third", 1).unwrap();
    assert_eq!(fs::read(fixture.host("rw/d2/moved")).unwrap(), b"h");
    namespace.unlink(root, b"rw/d2/moved", 0).unwrap();
    namespace.unlink(root, b"rw/d2", libc::AT_REMOVEDIR as u32).unwrap();
    namespace.unlink(root, b"rw/dir", libc::AT_REMOVEDIR as u32).unwrap();
    let unnamed = fixture.open("rw", libc::O_TMPFILE | libc::O_RDWR).unwrap();
    assert_eq!(write(unnamed.as_ref(), b"x"), Ok(1));
    namespace.link(unnamed.as_ref(), b"", root, b"rw/named", libc::AT_EMPTY_PATH as u32).unwrap();
    assert_eq!(fs::read(fixture.host("rw/named")).unwrap(), b"x");
}

#[test]
fn a_directory_whose_name_begins_alike_is_not_writable() {
    let fixture = fixture();
    let created = fixture.open("/rwx/new", libc::O_CREAT | libc::O_WRONLY);
    assert_eq!(created.err(), Some(Errno::EROFS));
}

#[test]
fn fifos_are_written_below_writable_directories_only() {
    let fixture = fixture();
    for (path, expected) in [("ro/fifo", Err(Errno::EROFS)), ("rw/fifo", Ok(()))] {
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            fixture.host(path),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        );
        assert_eq!(made, Ok(()));
        // For reading and writing, so that nobody waits for the other end.
        assert_eq!(fixture.open(path, libc::O_RDWR).map(drop), expected, "{path}");
    }
}

#[test]
fn links_out_of_a_writable_directory_lead_to_what_is_read_only() {
    let fixture = fixture();
    symlink("../ro/file", fixture.host("rw/out")).unwrap();
    symlink("/ro", fixture.host("rw/outdir")).unwrap();
    symlink("../ro/new", fixture.host("rw/outnew")).unwrap();
    let write_only = libc::O_WRONLY;
    assert_eq!(fixture.open("rw/out", write_only).err(), Some(Errno::EROFS));
    for path in ["rw/outdir/new", "rw/outnew", "rw/../ro/new", "rw/dir/../../ro/new"] {
        let result = fixture.open(path, write_only | libc::O_CREAT);
        assert_eq!(result.err(), Some(Errno::EROFS), "{path}");
    }
    let (namespace, root) = (&fixture.namespace, fixture.root.as_ref());
    assert_eq!(namespace.unlink(root, b"rw/outdir/file", 0), Err(Errno::EROFS));
    assert_eq!(namespace.chmod(root, b"rw/out", 0o777, 0), Err(Errno::EROFS));
    // The other way round is fine: what counts is where one ends up.
    symlink("/rw/r", fixture.host("ro/in")).unwrap();
    let file = fixture.open("ro/in", write_only | libc::O_TRUNC).unwrap();
    assert_eq!(write(file.as_ref(), b"new"), Ok(3));
}

#[test]
fn an_open_file_gives_no_more_than_its_place_does() {
    let fixture = fixture();
    let file = fixture.open("ro/file", libc::O_RDONLY).unwrap();
    assert_eq!(file.chmod(0o777), Err(Errno::EROFS));
    assert_eq!(file.set_times(None, None), Err(Errno::EROFS));
    assert_eq!(file.truncate(0), Err(Errno::EINVAL));
    assert_eq!(file.reopen(libc::O_RDWR as u32).err(), Some(Errno::EROFS));
    assert_eq!(write(file.as_ref(), b"x"), Err(usermem_io::IoCause::Stream(Errno::EBADF)));
    let place = fixture.open("ro/file", libc::O_PATH).unwrap();
    assert_eq!(place.reopen(libc::O_WRONLY as u32).err(), Some(Errno::EROFS));
    assert_eq!(read(place.as_ref(), 1), Err(usermem_io::IoCause::Stream(Errno::EBADF)));
    let again = place.reopen(libc::O_RDONLY as u32).unwrap();
    assert_eq!(read(again.as_ref(), 9), Ok(b"x".to_vec()));
}

#[test]
fn writable_directories_must_lie_in_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let error = hostfs::Namespace::new(dir.path(), &["/missing".into()]).unwrap_err();
    assert_eq!(error.to_string(), "cannot open the writable directory /missing: ENOENT");
    let error = hostfs::Namespace::new(dir.path(), &[".".into()]).unwrap_err();
    assert_eq!(error.errno(), Errno::EXDEV);
    let error = hostfs::Namespace::new(&dir.path().join("none"), &[]).unwrap_err();
    assert!(error.to_string().starts_with("cannot open the root directory "), "{error}");
}
