//! Access types, memory types and faults.

use usermem_types::{AccessType, Addr, Fault, FaultKind, MemoryType, Partial};

#[test]
fn accesses_are_shown_as_exactly_three_characters() {
    let shown: Vec<String> = (0..8).map(|prot| AccessType::from_prot(prot).to_string()).collect();
    assert_eq!(shown, ["---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"]);
    assert_eq!(format!("{:?}", AccessType::READ_EXECUTE), "r-x");
}

#[test]
fn accesses_are_the_bits_of_mmap() {
    let pairs = [
        (AccessType::NONE, libc::PROT_NONE),
        (AccessType::READ, libc::PROT_READ),
        (AccessType::WRITE, libc::PROT_WRITE),
        (AccessType::EXECUTE, libc::PROT_EXEC),
        (AccessType::READ_WRITE, libc::PROT_READ | libc::PROT_WRITE),
        (AccessType::READ_EXECUTE, libc::PROT_READ | libc::PROT_EXEC),
        (AccessType::ALL, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC),
    ];
    for (access, prot) in pairs {
        assert_eq!(access.prot(), prot.cast_unsigned());
        assert_eq!(AccessType::from_prot(prot.cast_unsigned()), access);
    }
    assert_eq!(AccessType::from_prot(u32::MAX), AccessType::ALL);
}

#[test]
fn accesses_are_sets() {
    for a in 0..8 {
        for b in 0..8 {
            let (set_a, set_b) = (AccessType::from_prot(a), AccessType::from_prot(b));
            assert_eq!(set_a.union(set_b).prot(), a | b);
            assert_eq!(set_a.intersect(set_b).prot(), a & b);
            assert_eq!(set_a.without(set_b).prot(), a & !b);
            assert_eq!(set_a.superset_of(set_b), a | b == a);
        }
    }
}

#[test]
fn memory_types_have_long_and_short_names() {
    let all = [MemoryType::WriteBack, MemoryType::WriteCombine, MemoryType::Uncached];
    let names: Vec<String> =
        all.iter().map(|kind| format!("{kind} {}", kind.short_name())).collect();
    assert_eq!(names, ["WriteBack WB", "WriteCombine WC", "Uncached UC"]);
    assert_eq!(MemoryType::default(), MemoryType::WriteBack);
}

#[test]
fn a_partial_result_keeps_its_count() {
    let partial = Partial::new(3, Fault::new(FaultKind::Protection, Addr::new(0x1003)));
    assert_eq!(partial.after(4).done, 7);
    assert_eq!(partial.map_cause(|fault| fault.addr), Partial::new(3, Addr::new(0x1003)));
    assert_eq!(partial.to_string(), "protection at 0x1003 after 3 bytes");
}
