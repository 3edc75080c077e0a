//! The command itself: options, exit status, what it prints, what it leaves behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Ended, Scratch, environment, guest, input, run, usermem};

fn with(options: &[&str], program: &[&str]) -> Ended {
    let mut command = usermem();
    command.args(options).arg("--").args(program);
    run(command, b"")
}

fn command(args: &[&str]) -> Ended {
    let mut command = environment(Path::new(env!("CARGO_BIN_EXE_usermem")));
    command.args(args);
    run(command, b"")
}

fn path_of(guest_name: &str) -> String {
    guest(guest_name).to_str().expect("a path of ours").to_owned()
}

#[test]
fn exit_status_is_the_programs() {
    let program = path_of("fatal");
    for (how, status) in [
        ("exit-0", 0),
        ("exit-7", 7),
        ("exit-minus", 255),
        ("read-null", 139),
        ("raise-term", 143),
        ("raise-kill", 137),
    ] {
        let ended = with(&[], &[&program, how]);
        ended.check_sound(how);
        assert_eq!(ended.status, status, "{how}");
        assert_eq!(ended.stderr_text(), "", "{how}");
    }
}

#[test]
fn mistakes_of_the_caller_end_with_125() {
    for args in [
        &["run", "--no-such-option", "/bin/true"][..],
        &["run"],
        &["no-such-command"],
        &["run", "--max-memory", "many", "--", "/bin/true"],
        &["run", "--env", "no-equals-sign", "--", "/bin/true"],
    ] {
        let ended = command(args);
        ended.check_sound(&args.join(" "));
        assert_eq!(ended.status, 125, "{args:?}");
        assert!(
            ended.stderr_text().starts_with("error: ")
                || ended.stderr_text().starts_with("usermem: ")
                || args.len() < 2,
            "{args:?}: {}",
            ended.stderr_text()
        );
    }
    for options in [
        &["--root", "/no/such/root"][..],
        &["--rw", "/no/such/folder"],
        &["--cwd", "/no/such/folder"],
    ] {
        with(options, &["/bin/true"]).check_refused(&options.join(" "), 125);
    }
}

#[test]
fn not_found_and_not_executable() {
    let absent = with(&[], &["no-such-program"]);
    absent.check_refused("no such program", 127);
    assert!(absent.stderr_text().contains("no-such-program"), "{}", absent.stderr_text());
    with(&[], &["/no/such/program"]).check_refused("no such path", 127);
    with(&[], &["/etc/passwd"]).check_refused("/etc/passwd", 126);
    with(&[], &["/"]).check_refused("/", 126);
}

#[test]
fn environment_is_passed_and_changed() {
    let program = path_of("tell");
    let env = |options: &[&str]| {
        let text = with(options, &[&program]).stdout_text();
        text.lines()
            .filter_map(|line| line.strip_prefix("env ").map(str::to_owned))
            .collect::<BTreeSet<_>>()
    };
    let set = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<BTreeSet<_>>();
    let own = ["HOME=/nonexistent", "LC_ALL=C", "PATH=/usr/bin:/bin", "TZ=UTC0"];
    assert_eq!(env(&[]), set(&own));
    assert_eq!(env(&["--clear-env"]), set(&[]));
    assert_eq!(env(&["--clear-env", "--env", "A=b", "--env", "C="]), set(&["A=b", "C="]));
    let expected = set(&["HOME=/nonexistent", "LC_ALL=de=AT", "PATH=/usr/bin:/bin", "TZ=UTC0"]);
    assert_eq!(env(&["--env", "LC_ALL=de=AT"]), expected);
}

#[test]
fn arguments_reach_the_program_as_they_are() {
    let program = path_of("tell");
    let ended =
        with(&["--clear-env", "--cwd", "/usr"], &[&program, "", "--stats", "-x", "a b", "é"]);
    let expected =
        format!("arg 0={program}\narg 1=\narg 2=--stats\narg 3=-x\narg 4=a b\narg 5=é\ncwd /usr\n");
    assert_eq!(ended.stdout_text(), expected);
    // Without `--`, options end where the program begins.
    let ended = command(&["run", "--clear-env", "--cwd", "/usr", &program, "--stats"]);
    assert_eq!(ended.stdout_text(), format!("arg 0={program}\narg 1=--stats\ncwd /usr\n"));
}

#[test]
fn cwd_is_the_callers_or_as_asked() {
    let scratch = Scratch::new("cwd");
    let program = path_of("tell");
    let mut here = usermem();
    here.args(["--clear-env", "--", &program]).current_dir(scratch.path());
    let folder = scratch.path().canonicalize().unwrap();
    assert!(run(here, b"").stdout_text().ends_with(&format!("cwd {}\n", folder.display())));
}

#[test]
fn root_replaces_what_the_program_sees() {
    let scratch = Scratch::new("cli-root");
    fs::create_dir_all(scratch.path().join("root/bin")).unwrap();
    fs::copy(guest("tell"), scratch.path().join("root/bin/tell")).unwrap();
    let root = scratch.path().join("root");
    let root = root.to_str().unwrap();
    let ended = with(&["--root", root, "--clear-env", "--cwd", "/bin"], &["/bin/tell", "x"]);
    assert_eq!(
        ended.stdout_text(),
        "arg 0=/bin/tell\narg 1=x\ncwd /bin\n",
        "{}",
        ended.stderr_text()
    );
    // The caller's folder is not visible there: the program starts at the top.
    let ended = with(&["--root", root, "--clear-env"], &["/bin/tell"]);
    assert_eq!(ended.stdout_text(), "arg 0=/bin/tell\ncwd /\n", "{}", ended.stderr_text());
    with(&["--root", root], &["/usr/bin/env"]).check_refused("outside the root", 127);
}

#[test]
fn trace_prints_a_line_per_call() {
    let native = with(&[], &["/bin/cat", "/no/such/file", "/etc/passwd"]);
    let traced = with(&["--trace"], &["/bin/cat", "/no/such/file", "/etc/passwd"]);
    traced.check_sound("cat under --trace");
    assert_eq!((traced.status, &traced.stdout), (native.status, &native.stdout));
    let text = traced.stderr_text();
    let line = |words: &[&str]| {
        let found = text.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line with {words:?} in:\n{text}");
    };
    line(&["openat(", "AT_FDCWD", "\"/no/such/file\"", "O_RDONLY", " = -1 ENOENT"]);
    line(&["openat(", "\"/etc/passwd\"", " = 3"]);
    line(&["mmap(", "PROT_READ", "MAP_PRIVATE", " = 0x"]);
    line(&["exit_group(1)"]);
    // 32 bytes of a longer buffer, then dots.
    let start = String::from_utf8(fs::read("/etc/passwd").unwrap()[..32].to_vec())
        .unwrap()
        .replace('\n', "\\n");
    line(&["read(3, ", &format!("\"{start}\"...")]);
    line(&["write(1, ", &format!("\"{start}\"...")]);
}

#[test]
fn trace_of_a_set_leaves_out_the_others() {
    let traced = with(&["--trace=openat,exit_group"], &["/bin/true"]);
    let text = traced.stderr_text();
    assert!(
        text.lines().all(|line| ["openat(", "exit_group(", "+++ exited"]
            .iter()
            .any(|&word| line.starts_with(word))),
        "{text}"
    );
    assert!(text.contains("openat(") && text.contains("exit_group(0)"), "{text}");
    let bad = with(&["--trace=no_such_call"], &["/bin/true"]);
    assert_eq!(bad.status, 125, "{}", bad.stderr_text());
}

#[test]
fn stats_print_what_happened() {
    let ended = with(&["--stats"], &["/bin/cat", "/etc/passwd"]);
    assert_eq!(ended.stdout, fs::read("/etc/passwd").unwrap());
    let text = ended.stderr_text();
    for word in ["system calls", "faults", "bytes in/out", "mappings", "resident/peak"] {
        let line = text
            .lines()
            .find(|line| line.contains(word))
            .unwrap_or_else(|| panic!("no {word}:\n{text}"));
        let number =
            line.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap_or_default();
        assert!(number > 0, "{line}");
    }
}

#[test]
fn doctor_and_version() {
    let doctor = command(&["doctor"]);
    doctor.check_sound("doctor");
    assert_eq!(doctor.status, 0, "{}", doctor.stdout_text());
    assert!(doctor.stdout_text().contains("ptrace"), "{}", doctor.stdout_text());
    let version = command(&["--version"]);
    assert_eq!((version.stdout_text().as_str(), version.status), ("usermem 0.0.0\n", 0));
}

/// Rust's runtime opens `/dev/null` for standard streams that are closed, before any code of ours runs.
#[test]
fn closed_standard_streams_arrive_as_null() {
    let program = "'/bin/sh' -c 'echo lost >&2 && echo kept'";
    let script = format!("exec '{}' run -- {program} 2>&-", env!("CARGO_BIN_EXE_usermem"));
    let mut shell = environment(Path::new("/bin/sh"));
    shell.args(["-c", &script]);
    let ended = run(shell, b"");
    assert_eq!(
        (ended.status, ended.stdout_text().as_str(), ended.stderr_text().as_str()),
        (0, "kept\n", "")
    );
}

#[test]
fn output_to_a_reader_that_left_ends_by_sigpipe() {
    let file = input("sigpipe", |file| file.write_all(&vec![b'y'; 1 << 20]).expect("input"));
    let script = format!(
        "'{}' run -- /bin/cat '{}'; echo $? >&2",
        env!("CARGO_BIN_EXE_usermem"),
        file.display()
    );
    let mut shell = environment(Path::new("/bin/sh"));
    shell.args(["-c", &format!("{{ {script}; }} | head -c 1")]);
    let ended = run(shell, b"");
    assert_eq!((ended.stdout_text().as_str(), ended.stderr_text().as_str()), ("y", "141\n"));
}

/// As `nohup` and a shell's background jobs start programs.
#[test]
fn what_the_caller_ignores_and_blocks_is_inherited() {
    let lines = |program: &[&str]| {
        let mut command = environment(Path::new("/usr/bin/env"));
        command.args(["--ignore-signal=HUP,QUIT", "--block-signal=TERM,USR1,RTMIN"]);
        command.args(program).args(["/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]);
        run(command, b"").stdout_text()
    };
    let native = lines(&[]);
    assert!(native.starts_with("SigBlk:\t0000000200004200\n"), "{native}");
    // Whoever runs the tests may ignore others.
    let ignored = native.trim_end().rsplit('\t').next();
    let ignored = ignored.and_then(|set| u64::from_str_radix(set, 16).ok());
    assert_eq!(ignored.map(|set| set & 5), Some(5), "{native}");
    assert_eq!(lines(&[env!("CARGO_BIN_EXE_usermem"), "run", "--"]), native);
}

/// Starts a guest that loops for ever and waits until it says that it runs.
fn spinning(args: &[&str]) -> Child {
    let mut command = usermem();
    command.arg("--").arg(guest("spin")).args(args);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("usermem can be started");
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the guest says a line");
    assert_eq!(line, "spinning\n");
    child
}

/// Returns the processes whose parent or tracer is `pid`, with their descendants.
fn dependants(pid: u32) -> BTreeSet<u32> {
    let mut edges = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc is there").flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        for key in ["PPid:", "TracerPid:"] {
            let of =
                status.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u32>().ok());
            edges.extend(of.map(|of| (of, child)));
        }
    }
    let mut found = BTreeSet::from([pid]);
    while edges.iter().any(|(of, child)| found.contains(of) && found.insert(*child)) {}
    found.remove(&pid);
    found
}

/// Whether the process still exists as more than a zombie.
fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

#[test]
fn killing_usermem_leaves_no_process_behind() {
    for args in [&[][..], &["calls"]] {
        let mut child = spinning(args);
        let stubs = dependants(child.id());
        assert!(!stubs.is_empty(), "the program runs in a process of its own");
        child.kill().unwrap();
        child.wait().unwrap();
        let start = Instant::now();
        while stubs.iter().any(|&pid| alive(pid)) {
            assert!(start.elapsed() < Duration::from_secs(20), "left behind: {stubs:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn terminating_usermem_leaves_no_process_behind() {
    let mut child = spinning(&[]);
    let stubs = dependants(child.id());
    let killed = Command::new("/bin/kill").args(["-TERM", &child.id().to_string()]).status();
    // Without that program there is nothing to send the signal with but the kill above.
    if killed.is_err() {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    let start = Instant::now();
    while stubs.iter().any(|&pid| alive(pid)) {
        assert!(start.elapsed() < Duration::from_secs(20), "left behind: {stubs:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_program_that_ends_leaves_no_process_behind() {
    let mut child = usermem()
        .args(["--", "/bin/cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stubs = BTreeSet::new();
    let start = Instant::now();
    while stubs.is_empty() && start.elapsed() < Duration::from_secs(20) {
        stubs = dependants(child.id());
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(!stubs.is_empty());
    assert!(!stubs.iter().any(|&pid| alive(pid)), "left behind: {stubs:?}");
}
