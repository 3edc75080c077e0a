//! Programs that try to reach what is not theirs, or to take more than they were given.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::harness::{Ended, Scratch, guest, run, usermem};

/// Runs `guests/escape.c` in a writable folder beside a file that it must not touch.
#[test]
fn escape_attempts_are_refused() {
    let scratch = Scratch::new("escape");
    let outside = scratch.write("outside", "untouched\n");
    scratch.write("home/inside", "inside\n");
    let home = scratch.path().join("home");
    symlink(&outside, home.join("link-out")).unwrap();
    let before = fs::metadata(&outside).unwrap();

    let mut command = usermem();
    command.arg("--rw").arg(&home).arg("--").arg(guest("escape"));
    // The process that runs `usermem` is this test: as good a stranger as any, and it must survive.
    command.arg(std::process::id().to_string()).arg(&outside).current_dir(&home);
    let ended = run(command, b"");
    ended.check_sound("escape");
    let text = ended.stdout_text();
    let reached: Vec<&str> = text.lines().filter(|line| line.contains("REACHED")).collect();
    assert!(reached.is_empty(), "reached:\n{}", reached.join("\n"));
    assert_eq!(ended.status, 0, "stderr:\n{}", ended.stderr_text());
    assert!(text.contains("pages found: 0"), "it got to its end:\n{text}");

    let after = fs::metadata(&outside).unwrap();
    assert_eq!(fs::read(&outside).unwrap(), b"untouched\n");
    assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    assert_eq!(after.permissions().mode(), before.permissions().mode());
    assert!(!scratch.path().join("outside.new").exists(), "a file was made outside");
    assert!(!scratch.path().join("made").exists(), "a folder was made outside");
}

/// Nothing is writable unless asked: every change is EROFS, and reading works.
#[test]
fn nothing_is_writable_by_default() {
    let scratch = Scratch::new("read-only");
    scratch.write("file", "kept\n");
    for (args, word) in [
        (["touch", "new", "newer"], "Read-only file system"),
        (["rm", "-f", "file"], "Read-only file system"),
        (["mv", "file", "moved"], "Read-only file system"),
        (["mkdir", "-p", "a/b"], "Read-only file system"),
        (["truncate", "-s0", "file"], "Read-only file system"),
        (["cp", "/etc/passwd", "copy"], "Read-only file system"),
    ] {
        let before = scratch.tree();
        let mut command = usermem();
        command.arg("--").args(args).current_dir(scratch.path());
        let ended = run(command, b"");
        ended.check_sound(args[0]);
        assert!(ended.stderr_text().contains(word), "{args:?}: {}", ended.stderr_text());
        assert_ne!(ended.status, 0, "{args:?}");
        assert!(scratch.tree() == before, "{args:?} changed something");
    }
}

/// What lies below `--rw` can be changed; the folder above it cannot, by any name.
#[test]
fn only_below_rw_is_writable() {
    let scratch = Scratch::new("rw");
    scratch.write("outside/file", "kept\n");
    scratch.write("inside/file", "changed\n");
    symlink("../outside", scratch.path().join("inside/link")).unwrap();
    let script = "echo new > inside/file; echo new > outside/file; echo new > inside/../outside/file; \
                  echo new > inside/link/file; echo new > inside/link/made; echo new > inside/made; : > made";
    let mut command = usermem();
    command.arg("--rw").arg(scratch.path().join("inside")).args(["--", "dash", "-c", script]);
    command.current_dir(scratch.path());
    let ended = run(command, b"");
    ended.check_sound("dash");
    assert_eq!(fs::read_to_string(scratch.path().join("inside/file")).unwrap(), "new\n");
    assert_eq!(fs::read_to_string(scratch.path().join("inside/made")).unwrap(), "new\n");
    assert_eq!(fs::read_to_string(scratch.path().join("outside/file")).unwrap(), "kept\n");
    assert!(!scratch.path().join("outside/made").exists());
    assert!(!scratch.path().join("made").exists());
    assert_eq!(
        ended.stderr_text().matches("Read-only file system").count(),
        5,
        "{}",
        ended.stderr_text()
    );
}

/// Links and `..` stay below `--root`: absolute links start there, and nothing is above it.
#[test]
fn root_is_the_top() {
    let scratch = Scratch::new("root");
    scratch.write("secret", "secret\n");
    scratch.write("root/secret", "inner\n");
    let root = scratch.path().join("root");
    fs::create_dir(root.join("bin")).unwrap();
    fs::copy(guest("show"), root.join("bin/show")).unwrap();
    symlink("/secret", root.join("absolute")).unwrap();
    symlink("../../../../secret", root.join("relative")).unwrap();
    symlink(scratch.path().join("secret"), root.join("outside")).unwrap();
    symlink("/proc/self/root/secret", root.join("through-proc")).unwrap();
    let show = |path: &str| {
        let mut command = usermem();
        command.arg("--root").arg(&root).args(["--cwd", "/", "--", "/bin/show", path]);
        run(command, b"")
    };
    for path in [
        "/secret",
        "secret",
        "/../secret",
        "../../secret",
        "absolute",
        "relative",
        "/bin/../../secret",
    ] {
        let ended = show(path);
        ended.check_sound(path);
        assert_eq!(
            (ended.stdout_text().as_str(), ended.status),
            ("inner\n", 0),
            "{path}: {}",
            ended.stderr_text()
        );
    }
    for path in ["outside", "/etc/passwd", "/proc/1/root/etc/passwd"] {
        let ended = show(path);
        ended.check_sound(path);
        assert_eq!(
            (ended.stdout_text().as_str(), ended.status),
            ("", 1),
            "{path}: {}",
            ended.stderr_text()
        );
    }
    let ended = show("through-proc");
    assert!(!ended.stdout_text().contains("secret"), "through /proc/self/root");
}

/// Runs `guests/instruction.c`.
fn instruction(how: &str) -> (Ended, bool) {
    let scratch = Scratch::new(&format!("instruction-{how}"));
    let mut command = usermem();
    command
        .arg("--rw")
        .arg(scratch.path())
        .arg("--")
        .arg(guest("instruction"))
        .arg(how)
        .current_dir(scratch.path());
    let ended = run(command, b"");
    ended.check_sound(how);
    (ended, scratch.path().join("outside").exists())
}

/// The 32-bit doors: the program dies or is refused, and no file appears.
#[test]
fn other_doors_are_shut() {
    for how in ["int80", "int80-exit", "sysenter"] {
        let (ended, made) = instruction(how);
        assert!(!made, "{how} made a file");
        let refused = ended.status == 0 && ended.stdout_text() == format!("{how}: ENOSYS\n");
        let killed = matches!(ended.status, 132 | 139 | 159);
        assert!(
            refused || killed,
            "{how}: status {}, stdout {}",
            ended.status,
            ended.stdout_text()
        );
    }
}

/// The stub's one page, at the top of the address space: for the program nothing is there, but that it can read the
/// code, which is the same for everyone.
#[test]
fn stub_page_gives_nothing() {
    for how in ["top-write", "top-call"] {
        let (ended, _) = instruction(how);
        assert_eq!((ended.status, ended.stdout_text().as_str()), (139, ""), "{how}");
    }
}

/// The vsyscall page: as the host has it, emulated by us, or a fault; never a call that we did not see.
#[test]
fn vsyscall_page_is_ours_or_absent() {
    for how in ["vsyscall-time", "vsyscall-gettimeofday", "vsyscall-middle", "vsyscall-read"] {
        let (ended, _) = instruction(how);
        let works = matches!(how, "vsyscall-time" | "vsyscall-gettimeofday") && ended.status == 0;
        assert!(
            works || ended.status == 139,
            "{how}: status {}, stdout {}",
            ended.status,
            ended.stdout_text()
        );
    }
}

/// A program that takes memory until there is none learns so by ENOMEM, can give it back, and goes on.
#[test]
fn hog_gets_enomem() {
    let mut command = usermem();
    command.args(["--max-memory", "64M", "--"]).arg(guest("hog"));
    let ended = run(command, b"");
    ended.check_sound("hog");
    let expected = "mmap: ENOMEM\nmebibytes between 32 and 64: yes\nagain: ENOMEM, as many: yes\n\
                    brk stopped: yes\na gibibyte at once: ENOMEM\nworks: x\n";
    assert_eq!(ended.stdout_text(), expected, "stderr:\n{}", ended.stderr_text());
    assert_eq!(ended.status, 0);
}

/// Memory that nobody may write is not counted: it takes next to none, however it is read.
#[test]
fn readhog_takes_next_to_nothing() {
    let mut command = usermem();
    command.args(["--max-memory", "16M", "--stats", "--"]).arg(guest("readhog"));
    let ended = run(command, b"");
    ended.check_sound("readhog");
    let expected = "stored: zeros\nlocked: ok\npopulated: ok\nall writable: ENOMEM\n\
                    one writable: ok\nreads: x, beside it 0 and 0\n";
    assert_eq!(ended.stdout_text(), expected, "stderr:\n{}", ended.stderr_text());
    assert_eq!(ended.status, 0);
    let stderr = ended.stderr_text();
    let line = stderr.lines().find(|line| line.starts_with("usermem: memory file")).unwrap();
    let kib: u64 = line.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(kib <= 4 << 10, "{line}");
}

/// Files of memory count too: there is no room in them beyond the limit, and what they gave back is there again.
#[test]
fn filehog_gets_enospc() {
    let mut command = usermem();
    command.args(["--max-memory", "64M", "--"]).arg(guest("filehog"));
    let ended = run(command, b"");
    ended.check_sound("filehog");
    let expected = "a gibibyte of nothing: ok\nwrite: ENOSPC\nmebibytes between 32 and 64: yes\n\
                    fallocate: ENOSPC\ninto a mapping: ENOMEM\nagain: ENOSPC, as many: yes\n\
                    memory beside it: ENOMEM\nworks: x\n";
    assert_eq!(ended.stdout_text(), expected, "stderr:\n{}", ended.stderr_text());
    assert_eq!(ended.status, 0);
}
