//! Memory types, byte order, limits, faults and partial results.

use std::error::Error;

use usermem_types::{
    Addr, ByteOrder, Fault, FaultKind, MemoryType, PATH_MAX, Partial, SeqTooLong, UIO_MAXIOV,
};

#[test]
fn memory_types_have_values_and_long_and_short_names() {
    let names = MemoryType::ALL.map(|kind| format!("{kind} {}", kind.short_name()));
    assert_eq!(names, ["WriteBack WB", "WriteCombine WC", "Uncached UC"]);
    assert_eq!(MemoryType::default(), MemoryType::WriteBack);
    for value in 0..=u8::MAX {
        let expected = MemoryType::ALL.get(usize::from(value)).copied();
        assert_eq!(MemoryType::from_raw(value), expected);
        assert_eq!(expected.map_or(value, |kind| kind as u8), value);
    }
}

#[test]
fn the_byte_order_is_that_of_the_machine() {
    let native = if u16::from_ne_bytes([1, 0]) == 1 { "little" } else { "big" };
    assert_eq!(ByteOrder::NATIVE.to_string(), native);
    assert_eq!([ByteOrder::Little, ByteOrder::Big].map(ByteOrder::name), ["little", "big"]);
}

#[test]
fn limits_are_those_of_the_host() {
    assert_eq!(Ok(UIO_MAXIOV), usize::try_from(libc::UIO_MAXIOV));
    assert_eq!(Ok(PATH_MAX), usize::try_from(libc::PATH_MAX));
}

#[test]
fn faults_say_what_and_where() {
    let shown: Vec<String> = [
        FaultKind::Unmapped,
        FaultKind::Protection,
        FaultKind::Bus,
        FaultKind::Misaligned,
        FaultKind::OutOfRange,
        FaultKind::NoMemory,
    ]
    .map(|kind| Fault::new(kind, Addr::new(0x1003)).to_string())
    .into();
    assert_eq!(
        shown,
        [
            "unmapped at 0x1003",
            "protection at 0x1003",
            "bus error at 0x1003",
            "misaligned at 0x1003",
            "out of range at 0x1003",
            "out of memory at 0x1003",
        ]
    );
}

#[test]
fn a_partial_result_keeps_its_count() {
    let partial = Partial::new(3, Fault::new(FaultKind::Protection, Addr::new(0x1003)));
    assert_eq!((partial.after(4).done, partial.after(4).cause), (7, partial.cause));
    assert_eq!(partial.after(0), partial);
    assert_eq!(partial.map_cause(|fault| fault.addr), Partial::new(3, Addr::new(0x1003)));
    assert_eq!(partial.to_string(), "protection at 0x1003 after 3 bytes");
}

#[test]
fn errors_are_errors() {
    let errors: [Box<dyn Error + Send + Sync>; 2] =
        [Box::new(SeqTooLong), Box::new(Partial::new(1, Fault::new(FaultKind::Bus, Addr::new(2))))];
    let shown = errors.map(|error| error.to_string());
    assert_eq!(
        shown,
        ["the ranges hold more than i64::MAX bytes", "bus error at 0x2 after 1 bytes"]
    );
}
