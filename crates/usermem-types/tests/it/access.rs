//! Access types: every set, every pair of sets, every class of fault syndrome.

use usermem_types::AccessType;

/// Returns every set, at the index that its bits are.
fn sets() -> [AccessType; 8] {
    std::array::from_fn(|bits| AccessType::from_prot(bits as u32))
}

#[test]
fn every_set_says_what_is_in_it() {
    let texts = ["---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"];
    for ((bits, access), text) in (0u32..).zip(sets()).zip(texts) {
        assert_eq!(access.prot(), bits);
        assert_eq!((access.to_string(), format!("{access:?}")), (text.to_owned(), text.to_owned()));
        assert_eq!(access.read(), text.contains('r'));
        assert_eq!(access.write(), text.contains('w'));
        assert_eq!(access.execute(), text.contains('x'));
        assert_eq!(access.any(), text != "---");

        // Writing and executing need reading, and nothing else is added.
        let effective = access.effective();
        let expected = if text.contains(['w', 'x']) { bits | 1 } else { bits };
        assert_eq!(effective.prot(), expected, "{access}");
        assert_eq!(effective.effective(), effective);
        assert!(effective.superset_of(access));
    }
}

#[test]
fn every_pair_of_sets_is_a_pair_of_sets() {
    for (a, set_a) in (0u32..).zip(sets()) {
        for (b, set_b) in (0u32..).zip(sets()) {
            assert_eq!(set_a.union(set_b).prot(), a | b);
            assert_eq!(set_a.intersect(set_b).prot(), a & b);
            assert_eq!(set_a.without(set_b).prot(), a & !b);
            assert_eq!(set_a.superset_of(set_b), a | b == a);
            assert_eq!(set_a == set_b, a == b);
            // What is effective is so whether it is joined before or after.
            let joined = set_a.union(set_b).effective();
            assert_eq!(joined, set_a.effective().union(set_b.effective()));
        }
    }
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
        // Bits such as PROT_GROWSDOWN are not accesses.
        assert_eq!(AccessType::from_prot(prot.cast_unsigned() | !7), access);
    }
    assert_eq!(AccessType::default(), AccessType::NONE);
}

#[test]
fn every_class_of_fault_syndrome_is_an_access_or_none() {
    const WRITE_NOT_READ: u64 = 1 << 6;
    const CACHE_MAINTENANCE: u64 = 1 << 8;
    // Bits that say something else must not matter: the instruction length, the fault status, and
    // what lies above the class.
    let others = [0, 1 << 25, 0x3f, 1 << 7, 1 << 9, 1 << 10, 1 << 24, 0xffff_ffff_0000_0000];
    for class in 0..64u64 {
        for other in others {
            let esr = class << 26 | other;
            let decode = |bits: u64| AccessType::from_fault_syndrome(esr | bits);
            let decoded = [
                decode(0),
                decode(WRITE_NOT_READ),
                decode(CACHE_MAINTENANCE),
                decode(WRITE_NOT_READ | CACHE_MAINTENANCE),
            ];
            let expected = match class {
                0x20 => [AccessType::EXECUTE; 4],
                0x24 => [AccessType::READ, AccessType::WRITE, AccessType::READ, AccessType::READ],
                _ => [AccessType::NONE; 4],
            };
            assert_eq!(decoded, expected, "{esr:#x}");
        }
    }
}
