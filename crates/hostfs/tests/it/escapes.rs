//! Nothing leads out of the root.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use hostfs::{FileDescription, Namespace};
use usermem_types::Errno;

use crate::support::{Fixture, read};

#[test]
fn upwards_and_links_stay_below_the_root() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let secret = outside.path().join("secret");
    let fixture = Fixture::new(&["/"], |dir| {
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::write(dir.join("here"), "here").unwrap();
        symlink(&secret, dir.join("absolute")).unwrap();
        let up = "../".repeat(30) + secret.to_str().unwrap().trim_start_matches('/');
        symlink(&up, dir.join("relative")).unwrap();
        symlink(&up, dir.join("a/b/relative")).unwrap();
        symlink("/here", dir.join("a/b/root")).unwrap();
        symlink("../../../../here", dir.join("a/b/up")).unwrap();
        symlink(outside.path(), dir.join("outside")).unwrap();
    });
    let base = fixture.open("a/b", libc::O_RDONLY).unwrap();
    let beyond = format!("../../../../../..{}", secret.display());
    let open = |path: &str| fixture.namespace.open(base.as_ref(), path.as_bytes(), 0, 0);
    for path in ["../../absolute", "relative", "/relative", "/outside/secret", &beyond] {
        assert_eq!(open(path).err(), Some(Errno::ENOENT), "{path}");
    }
    for path in ["root", "up", "../../../../../here", "/../../here", "/a/../../here", "up/../root"]
    {
        let expected =
            if path == "up/../root" { Err(Errno::ENOTDIR) } else { Ok(b"here".to_vec()) };
        assert_eq!(open(path).map(|file| read(file.as_ref(), 9).unwrap()), expected, "{path}");
    }
    // Creating through a link that leads out creates inside, or nothing.
    let create = libc::O_CREAT | libc::O_WRONLY;
    assert_eq!(fixture.open("outside/new", create).err(), Some(Errno::ENOENT));
    symlink("/../../../created", fixture.host("dangling")).unwrap();
    let file = fixture.open("dangling", create).unwrap();
    assert_eq!(file.path(), b"/created");
    assert!(fixture.host("created").exists());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_directory_that_was_moved_out_is_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(&["/"], |dir| fs::create_dir_all(dir.join("a/b")).unwrap());
    let base = fixture.open("a/b", libc::O_RDONLY).unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::rename(fixture.host("a/b"), outside.path().join("b")).unwrap();
    let open = |path: &[u8]| fixture.namespace.open(base.as_ref(), path, 0, 0).map(|_| ());
    assert_eq!(open(b"../secret"), Err(Errno::ENOENT));
    assert_eq!(fixture.namespace.mkdir(base.as_ref(), b"new", 0o755), Err(Errno::EROFS));
}

#[test]
fn a_removed_directory_has_no_entries() {
    let fixture = Fixture::new(&["/"], |dir| fs::create_dir(dir.join("gone")).unwrap());
    let base = fixture.open("gone", libc::O_RDONLY).unwrap();
    fs::remove_dir(fixture.host("gone")).unwrap();
    let namespace = &fixture.namespace;
    assert_eq!(namespace.open(base.as_ref(), b"x", 0, 0).err(), Some(Errno::ENOENT));
    assert_eq!(namespace.mkdir(base.as_ref(), b"x", 0o755), Err(Errno::ENOENT));
    assert_eq!(base.path(), b"/gone (deleted)");
    assert!(namespace.stat(base.as_ref(), b".", 0).is_ok());
}

fn host_tree() -> (Namespace, Arc<dyn FileDescription>) {
    let namespace = Namespace::new("/".as_ref(), &["/".into()]).unwrap();
    let root = namespace.root_directory().unwrap();
    (namespace, root)
}

#[test]
fn our_own_process_is_out_of_reach() {
    let (namespace, root) = host_tree();
    let dir = tempfile::tempdir().unwrap();
    let pid = std::process::id();
    let links = [
        ("mem", "/proc/self/mem".to_owned()),
        ("pidmem", format!("/proc/{pid}/mem")),
        ("up", "../../../../../../../proc/self/environ".to_owned()),
        ("root", "/proc/self/root".to_owned()),
        ("cwd", "/proc/self/cwd".to_owned()),
        ("fd", "/proc/self/fd".to_owned()),
        ("chain", "mem".to_owned()),
    ];
    for (name, target) in &links {
        symlink(target, dir.path().join(name)).unwrap();
    }
    let dir_path = dir.path().to_str().unwrap();
    let mut paths: Vec<String> =
        links.iter().map(|(name, _)| format!("{dir_path}/{name}")).collect();
    paths.extend(["root/etc/passwd", "fd/0", "cwd/."].map(|name| format!("{dir_path}/{name}")));
    paths.extend([
        "/proc/self/mem".to_owned(),
        format!("/proc/{pid}/mem"),
        format!("/proc/{pid}/task/{pid}/mem"),
        "/proc/1/root/etc/passwd".to_owned(),
        "/proc/thread-self/mem".to_owned(),
        "/usr/../proc/self/mem".to_owned(),
        "//proc//self//mem".to_owned(),
        "/./proc/./self/mem".to_owned(),
        "/proc/sys/../self/mem".to_owned(),
        "/proc/kcore".to_owned(),
        "/proc/kallsyms".to_owned(),
        "/proc/sysrq-trigger".to_owned(),
        "/dev/fd/0".to_owned(),
        "/dev/stdin".to_owned(),
    ]);
    for path in &paths {
        for flags in [libc::O_RDONLY, libc::O_RDWR, libc::O_PATH] {
            let opened = namespace.open(root.as_ref(), path.as_bytes(), flags as u32, 0);
            assert_eq!(opened.err(), Some(Errno::ENOENT), "{path}");
        }
        assert_eq!(namespace.stat(root.as_ref(), path.as_bytes(), 0), Err(Errno::ENOENT), "{path}");
        let truncated = namespace.truncate(root.as_ref(), path.as_bytes(), 0);
        assert_eq!(truncated, Err(Errno::ENOENT), "{path}");
    }
}

#[test]
fn directories_of_proc_are_no_way_in_either() {
    let (namespace, root) = host_tree();
    let pid = std::process::id();
    for flags in [libc::O_RDONLY, libc::O_PATH] {
        let flags = (flags | libc::O_DIRECTORY) as u32;
        let proc = namespace.open(root.as_ref(), b"/proc", flags, 0).unwrap();
        let sys = namespace.open(proc.as_ref(), b"sys/kernel", flags, 0).unwrap();
        assert_eq!(sys.path(), b"/proc/sys/kernel");
        for (base, path) in [
            (&root, "proc/self/mem".to_owned()),
            (&root, format!("./proc/{pid}/mem")),
            (&proc, "self/mem".to_owned()),
            (&proc, format!("{pid}/mem")),
            (&sys, "../../self/mem".to_owned()),
            (&sys, format!("../../{pid}/mem")),
            (&sys, format!("../.././{pid}/mem")),
        ] {
            let opened = namespace.open(base.as_ref(), path.as_bytes(), 0, 0);
            assert_eq!(opened.err(), Some(Errno::ENOENT), "{path}");
        }
    }
}

#[test]
fn nothing_below_proc_is_ever_writable() {
    let (namespace, root) = host_tree();
    for path in ["/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches"] {
        let opened = namespace.open(root.as_ref(), path.as_bytes(), libc::O_WRONLY as u32, 0);
        assert!(matches!(opened.err(), Some(Errno::EROFS | Errno::EACCES)), "{path}");
        let changed = namespace.chmod(root.as_ref(), path.as_bytes(), 0o777, 0);
        assert_eq!(changed, Err(Errno::EROFS), "{path}");
    }
    assert_eq!(namespace.mkdir(root.as_ref(), b"/proc/new", 0o755), Err(Errno::EROFS));
}
