//! What is left of us in a stub, what it can do to us, and how it ends.
#![expect(unsafe_code, reason = "signals sent to ourselves, and a handler for them")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use usermem_types::{AccessType, Errno};

use super::guest::{CODE, DATA, Guest, SPIN, SYSCALL, code, eax};
use crate::Event;
use crate::ptrace::page::StubPage;
use crate::ptrace::tracee::Tracee;

/// The lines of a process's map, without the host's own page.
fn maps(pid: i32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    text.lines().filter(|line| !line.ends_with("[vsyscall]")).map(str::to_owned).collect()
}

#[test]
fn a_stub_holds_two_pages_and_what_is_mapped() {
    let page = StubPage::get().unwrap();
    let stub = Tracee::spawn(page).unwrap();
    let lines = maps(stub.pid().0);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let expected = format!("{:x}-{:x} r-xp 00000000 00:00 0", page.start(), page.end());
    assert_eq!(lines[0].trim_end(), expected);
    let expected = format!("{:x}-{:x} r--s 00000000 ", page.end(), page.end() + 4096);
    assert!(lines[1].starts_with(&expected), "{lines:?}");

    let guest = Guest::new(SPIN);
    guest.map(DATA, 2, AccessType::READ_WRITE).unwrap();
    let lines = maps(guest.pid());
    assert_eq!(lines.len(), 5, "{lines:?}");
    for (line, start) in lines.iter().zip([
        format!("{CODE:08x}-00401000 r-xs 00000000 "),
        format!("{DATA:08x}-00501000 rw-s 00002000 "),
    ]) {
        assert!(line.starts_with(&start), "{line}");
    }
}

#[test]
fn a_stub_inherits_no_register() {
    let mut guest = Guest::new(SPIN);
    let state = guest.context.extended_state().unwrap();
    assert_eq!(state[..2], 0x37fu16.to_le_bytes(), "x87 control word");
    assert_eq!(state[24..28], 0x1f80u32.to_le_bytes(), "MXCSR");
    assert!(state[32..416].iter().all(|byte| *byte == 0), "x87 and xmm registers");
    // Of the components only x87, SSE and the protection keys are not in their initial state.
    assert_eq!((state[512] & !0b11, state[513] & !0b10), (0, 0));
    let platform = crate::ptrace::PtracePlatform::new().unwrap();
    let space = crate::Platform::new_address_space(&platform).unwrap();
    let mut context = crate::Platform::new_context(&platform, &space).unwrap();
    let registers = context.registers().unwrap();
    assert_eq!((registers.general, registers.sp, registers.flags), ([0; 31], 0, 0x202));
    assert_eq!((registers.tls, registers.gs_base), (0, 0));
}

/// Signals sent to a stub change nothing; `SIGKILL` and `SIGSTOP` are all that they can be.
#[test]
fn signals_from_outside_are_ignored() {
    let mut guest = Guest::new(&code(&[&eax(39), SYSCALL, &[0xeb, 0xf7]]));
    for signal in (1..=64).filter(|signal| *signal != libc::SIGKILL) {
        // SAFETY: a signal to a process of ours.
        assert_eq!(unsafe { libc::kill(guest.pid(), signal) }, 0);
        let info = guest.serve(39, 0);
        assert_eq!(info.pc, CODE + 7);
        guest.map(DATA, 2, AccessType::READ).unwrap();
    }
}

#[test]
fn a_killed_stub_is_reported() {
    let mut guest = Guest::new(SPIN);
    let pid = guest.pid();
    let killer = thread::spawn(move || {
        // SAFETY: a signal to a process of ours.
        unsafe { libc::kill(pid, libc::SIGKILL) }
    });
    let error = guest.context.switch().unwrap_err();
    killer.join().unwrap();
    assert_eq!(error.to_string(), "the stub process was killed by signal 9: ESRCH");
    // Everything after that says the same, and nothing waits.
    assert_eq!(guest.context.switch(), Err(error.clone()));
    assert_eq!(guest.context.registers(), Err(error));
    assert_eq!(guest.map(DATA, 2, AccessType::READ), Err(Errno::ESRCH));
    guest.unmap(DATA, DATA + 0x1000);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn an_injected_call_that_is_not_ours_kills_the_stub() {
    let page = StubPage::get().unwrap();
    let anywhere = [DATA, 4096, 3, 0x22, u64::MAX, 0];
    for (nr, args) in [
        (libc::SYS_getpid, [0; 6]),
        (libc::SYS_openat, [0; 6]),
        // An anonymous mapping; a registration of restartable sequences.
        (libc::SYS_mmap, anywhere),
        (libc::SYS_rseq, [DATA, 32, 0, 0, 0, 0]),
    ] {
        let mut stub = Tracee::spawn(page).unwrap();
        let error = stub.inject(nr, args).unwrap_err();
        assert!(error.what.contains("its filter forbids"), "{nr}: {error}");
    }
}

#[test]
fn for_the_application_nothing_is_where_the_stub_is() {
    let page = StubPage::get().unwrap();
    for target in [page.start(), page.trap(), page.trap() + 1] {
        // mov rax, target; jmp rax
        let mut guest =
            Guest::new(&code(&[&super::guest::mov(super::guest::Reg::Rax, target), &[0xff, 0xe0]]));
        let fault = guest.fault();
        assert_eq!((fault.addr.get(), fault.denied, fault.bus), (page.start(), false, false));
        // A call is still injected properly afterwards.
        guest.map(DATA, 2, AccessType::READ).unwrap();
        assert_eq!(maps(guest.pid()).len(), 5);
    }
}

/// A handler of ours that runs while the program does gives the caller its turn.
#[test]
fn a_loop_without_end_is_interrupted_by_a_signal() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: all-zero is a valid value: no flags (so no restart), an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    #[expect(clippy::fn_to_numeric_cast_any, reason = "this is how a handler is given")]
    let handler = nothing as extern "C" fn(libc::c_int) as usize;
    action.sa_sigaction = handler;
    // SAFETY: the handler does nothing at all.
    unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };

    let (send, receive) = mpsc::channel();
    let runner = thread::spawn(move || {
        let mut guest = Guest::new(SPIN);
        // SAFETY: takes no arguments.
        let tid = unsafe { libc::gettid() };
        send.send(tid).unwrap();
        let first = guest.event();
        // It goes on where it was.
        let pc = guest.context.registers().unwrap().pc;
        (first, pc)
    });
    let tid = receive.recv().unwrap();
    let process = std::process::id();
    while !runner.is_finished() {
        // SAFETY: a signal to a thread of ours, which has a handler for it; `tgkill` refuses when
        // the thread is gone.
        unsafe { libc::syscall(libc::SYS_tgkill, process, tid, libc::SIGUSR1) };
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(runner.join().unwrap(), (Event::Interrupted, CODE));
}

#[test]
fn an_interrupt_is_never_lost() {
    let mut guest = Guest::new(SPIN);
    let interrupter = guest.context.interrupter().unwrap();
    // None going on: the next switch.
    interrupter.interrupt();
    interrupter.interrupt();
    assert_eq!(guest.event(), Event::Interrupted);
    for _ in 0..100 {
        let interrupter = interrupter.clone();
        let other = thread::spawn(move || interrupter.interrupt());
        assert_eq!(guest.event(), Event::Interrupted);
        other.join().unwrap();
    }
    drop(guest);
    interrupter.interrupt();
}

const CHILD: &str = "USERMEM_PLATFORM_TEST_CHILD";

/// A process that is killed takes its stubs with it, running or stopped.
#[test]
fn no_stub_outlives_its_tracer() {
    if std::env::var_os(CHILD).is_some() {
        let idle = Guest::new(SPIN);
        let mut busy = Guest::new(SPIN);
        println!("\nstubs {} {}", idle.pid(), busy.pid());
        busy.event();
        unreachable!("the parent kills this process");
    }
    let name = "ptrace::tests::isolation::no_stub_outlives_its_tracer";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", name])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.starts_with("stubs ")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    for pid in line.split(' ').skip(1) {
        let alive = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            // "PID (name) state": a zombie waits for whoever inherited it.
            Ok(stat) => !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X'])),
            Err(_) => false,
        };
        let gone = (0..1000).any(|_| {
            thread::sleep(Duration::from_millis(5));
            !alive()
        });
        assert!(gone, "stub {pid} lives");
    }
}
