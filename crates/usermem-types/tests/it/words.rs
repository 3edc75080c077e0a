//! Access types, memory types, faults and error numbers.

use usermem_types::{AccessType, Addr, Errno, Fault, FaultKind, MemoryType, Partial};

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

#[test]
fn error_numbers_are_those_of_the_host() {
    // The architectures that are supported have the same numbers, so the host's are ours.
    let pairs = [
        (Errno::EPERM, libc::EPERM),
        (Errno::ENOENT, libc::ENOENT),
        (Errno::EINTR, libc::EINTR),
        (Errno::E2BIG, libc::E2BIG),
        (Errno::ENOEXEC, libc::ENOEXEC),
        (Errno::EBADF, libc::EBADF),
        (Errno::EAGAIN, libc::EAGAIN),
        (Errno::ENOMEM, libc::ENOMEM),
        (Errno::EACCES, libc::EACCES),
        (Errno::EFAULT, libc::EFAULT),
        (Errno::EINVAL, libc::EINVAL),
        (Errno::EPIPE, libc::EPIPE),
        (Errno::ERANGE, libc::ERANGE),
        (Errno::EDEADLK, libc::EDEADLK),
        (Errno::ENAMETOOLONG, libc::ENAMETOOLONG),
        (Errno::ENOSYS, libc::ENOSYS),
        (Errno::ENOTEMPTY, libc::ENOTEMPTY),
        (Errno::ELOOP, libc::ELOOP),
        (Errno::EIDRM, libc::EIDRM),
        (Errno::ENODATA, libc::ENODATA),
        (Errno::EOVERFLOW, libc::EOVERFLOW),
        (Errno::EILSEQ, libc::EILSEQ),
        (Errno::ENOTSOCK, libc::ENOTSOCK),
        (Errno::EOPNOTSUPP, libc::EOPNOTSUPP),
        (Errno::ENOBUFS, libc::ENOBUFS),
        (Errno::ETIMEDOUT, libc::ETIMEDOUT),
        (Errno::ESTALE, libc::ESTALE),
        (Errno::EDQUOT, libc::EDQUOT),
        (Errno::EOWNERDEAD, libc::EOWNERDEAD),
        (Errno::EHWPOISON, libc::EHWPOISON),
    ];
    for (errno, host) in pairs {
        assert_eq!(errno.raw(), host, "{errno}");
        assert_eq!(errno.to_return(), i64::from(-host).cast_unsigned());
    }
}

#[test]
fn named_error_numbers_have_one_name_each() {
    let named: Vec<(i32, &str)> =
        (1..200).filter_map(|raw| Some((raw, Errno::from_raw(raw).name()?))).collect();
    let mut names: Vec<&str> = named.iter().map(|(_, name)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), named.len());
    assert_eq!(named[0], (1, "EPERM"));
    assert_eq!(Errno::from_raw(512).to_string(), "errno 512");
    assert_eq!(Errno::from_raw(0).name(), None);
}
