//! Vectors of strings: argv and envp.

use kernel_task::{VectorError, VectorLimits};
use usermem_types::{Addr, Errno, Fault, FaultKind};

use crate::fixture::Fixture;

const DATA: Addr = Addr::new(0x20_0000);
const END: u64 = 0x20_2000;

fn set_up(strings: &[&[u8]]) -> Fixture {
    let fixture = Fixture::new(&[0x90]);
    fixture.map_two_pages(DATA);
    let mut at = DATA.get() + 0x1000;
    let mut pointers = Vec::new();
    for string in strings {
        pointers.extend(at.to_le_bytes());
        fixture.task.copy_out_bytes(Addr::new(at), &[string, &b"\0"[..]].concat()).unwrap();
        at += string.len() as u64 + 1;
    }
    pointers.extend([0; 8]);
    fixture.task.copy_out_bytes(DATA, &pointers).unwrap();
    fixture
}

#[test]
fn the_total_counts_strings_with_their_nul() {
    let fixture = set_up(&[b"a", b"b", b"c"]);
    let limits = |total| VectorLimits { element: 32, total };
    let read = fixture.task.copy_in_vector(DATA, limits(6));
    assert_eq!(read, Ok(vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]));
    let read = fixture.task.copy_in_vector(DATA, limits(5));
    assert_eq!(read, Err(VectorError::TotalTooLong));
    assert_eq!(VectorError::TotalTooLong.errno(), Errno::E2BIG);
}

#[test]
fn one_string_may_be_too_long_by_itself() {
    let fixture = set_up(&[b"abc"]);
    let read = fixture.task.copy_in_vector(DATA, VectorLimits { element: 4, total: 100 });
    assert_eq!(read, Ok(vec![b"abc".to_vec()]));
    let read = fixture.task.copy_in_vector(DATA, VectorLimits { element: 3, total: 100 });
    assert_eq!(read, Err(VectorError::ElementTooLong));
}

#[test]
fn a_pointer_array_without_an_end_faults_where_memory_ends() {
    let fixture = set_up(&[b"a"]);
    let pointer = (DATA.get() + 0x1000).to_le_bytes();
    fixture.task.copy_out_bytes(Addr::new(END - 8), &pointer).unwrap();
    let read =
        fixture.task.copy_in_vector(Addr::new(END - 8), VectorLimits { element: 32, total: 100 });
    let fault = Fault::new(FaultKind::Unmapped, Addr::new(END));
    assert_eq!(read, Err(VectorError::Fault(fault)));
}

#[test]
fn pitfall_08_a_pointer_array_at_the_top_of_memory_does_not_wrap() {
    let fixture = set_up(&[b"a"]);
    let read = fixture
        .task
        .copy_in_vector(Addr::new(u64::MAX - 7), VectorLimits { element: 32, total: 100 });
    assert!(matches!(
        read,
        Err(VectorError::Fault(Fault { kind: FaultKind::OutOfRange | FaultKind::Unmapped, .. }))
    ));
}
