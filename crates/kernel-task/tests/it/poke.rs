//! Pattern B: access that ignores the program's protections.

use kernel_task::{CurrentTask, peek, poke};
use platform::Event;
use usermem_types::{Addr, Errno, Fault, FaultKind, Partial};

use crate::fixture::{CODE, Fixture};

/// `1: mov $39, %eax; syscall; jmp 1b`.
const LOOP: [u8; 9] = [0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7];

/// Runs the task until its next system call, making memory present on the way.
fn next_call(task: &mut CurrentTask) -> u64 {
    loop {
        match task.context().switch().unwrap() {
            Event::Syscall(call) => return call.nr,
            Event::Fault(fault) => {
                task.task().memory_manager().handle_user_fault(&fault).unwrap();
            }
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[test]
fn a_running_program_executes_what_was_poked_into_its_read_only_text() {
    let mut fixture = Fixture::new(&LOOP);
    let task = &mut fixture.task;
    assert_eq!(next_call(task), 39);
    assert_eq!(next_call(task), 39);

    let word = peek(task.task(), CODE).unwrap();
    assert_eq!(word.to_le_bytes(), LOOP[..8]);
    poke(task.task(), CODE, word & !0xff00 | 110 << 8).unwrap();
    assert_eq!(next_call(task), 110);
    assert_eq!(peek(task.task(), CODE).unwrap() >> 8 & 0xff, 110);

    let on_disk = std::fs::read(fixture.directory.path().join("code")).unwrap();
    assert_eq!(on_disk, LOOP);
}

#[test]
fn the_current_task_itself_may_not_write_its_text() {
    let mut fixture = Fixture::new(&LOOP);
    assert_eq!(next_call(&mut fixture.task), 39);
    let refused = fixture.task.copy_out_bytes(CODE, &[0x90]);
    assert_eq!(refused, Err(Partial::new(0, Fault::new(FaultKind::Protection, CODE))));
}

#[test]
fn poking_where_nothing_is_mapped_is_an_input_output_error() {
    let fixture = Fixture::new(&LOOP);
    let task = fixture.task.task();
    assert_eq!(peek(task, Addr::new(0x10_0000)), Err(Errno::EIO));
    assert_eq!(poke(task, Addr::new(0x10_0000), 1), Err(Errno::EIO));
    assert_eq!(poke(task, Addr::MAX, 1), Err(Errno::EIO));
    // A word that begins in the last mapped bytes.
    fixture.map_two_pages(Addr::new(0x20_0000));
    assert_eq!(poke(task, Addr::new(0x20_1ffc), u64::MAX), Err(Errno::EIO));
    assert_eq!(peek(task, Addr::new(0x20_1ff8)), Ok(u64::MAX << 32));
}
