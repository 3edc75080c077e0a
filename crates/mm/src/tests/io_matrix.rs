//! Every transfer against every kind of memory.

use usermem_io::{Io, IoOpts};
use usermem_types::{AccessType, AddrRangeSeq, FaultKind};

use super::rig::{CHECKED, NONE, POKE, R, RW, RX, Rig, page};
use crate::MmapFlags;
use crate::range::PAGE;

/// What stands in the middle page of three.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Middle {
    Hole,
    Anonymous(AccessType),
    Private(AccessType),
    Shared(AccessType),
    BeyondEnd,
    Unmapped,
    Protected,
}

const MIDDLES: [Middle; 14] = [
    Middle::Hole,
    Middle::Anonymous(NONE),
    Middle::Anonymous(R),
    Middle::Anonymous(RW),
    Middle::Anonymous(AccessType::WRITE),
    Middle::Anonymous(RX),
    Middle::Private(R),
    Middle::Private(RW),
    Middle::Private(NONE),
    Middle::Shared(R),
    Middle::Shared(RW),
    Middle::BeyondEnd,
    Middle::Unmapped,
    Middle::Protected,
];

impl Middle {
    fn set_up(self, rig: &Rig) {
        rig.map(0, 3, RW);
        let object = rig.object(PAGE);
        let map_object = |access, flags| {
            rig.map_object(&object, 1, 1, access, flags).unwrap();
        };
        match self {
            Self::Hole => rig.mm.munmap(page(1), PAGE).unwrap(),
            Self::Anonymous(access) => {
                rig.map(1, 1, access);
            }
            Self::Private(access) => map_object(access, MmapFlags::PRIVATE),
            Self::Shared(access) => map_object(access, MmapFlags::SHARED),
            Self::BeyondEnd => {
                map_object(RW, MmapFlags::PRIVATE);
                object.truncate(0);
            }
            Self::Unmapped => {
                rig.store(page(1), b"x").unwrap();
                rig.mm.munmap(page(1), PAGE).unwrap();
            }
            Self::Protected => {
                rig.store(page(1), b"x").unwrap();
                rig.mm.mprotect(page(1), PAGE, 0).unwrap();
            }
        }
    }

    /// Returns what stops the access.
    fn refuses(self, access: AccessType, opts: IoOpts) -> Option<FaultKind> {
        match self {
            Self::Hole | Self::Unmapped => Some(FaultKind::Unmapped),
            Self::BeyondEnd => Some(FaultKind::Bus),
            _ if opts == POKE => None,
            Self::Protected => Some(FaultKind::Protection),
            Self::Anonymous(allowed) | Self::Private(allowed) | Self::Shared(allowed) => {
                let fits = allowed.effective().superset_of(access);
                (!fits).then_some(FaultKind::Protection)
            }
        }
    }
}

#[test]
fn every_transfer_stops_exactly_at_what_refuses_it() {
    const START: u64 = 4000;
    const LEN: usize = 8000;
    for middle in MIDDLES {
        for opts in [CHECKED, POKE] {
            for method in 0..5 {
                let rig = Rig::new();
                middle.set_up(&rig);
                let start = page(0).checked_add(START).unwrap();
                let range = start.to_range(LEN as u64).unwrap();
                let ranges = [range.take_first(50), range.drop_first(50)];
                let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
                let mut buffer = [9u8; LEN];
                let writes = method < 3;
                let result = match method {
                    0 => rig.mm.copy_out(start, &buffer, opts).map_err(|p| (p.done, p.cause)),
                    1 => rig.mm.zero_out(start, LEN, opts).map_err(|p| (p.done, p.cause)),
                    2 => {
                        let mut source = safecopy::SliceReader::new(&buffer);
                        stream(rig.mm.copy_out_from(ranges, &mut source, opts))
                    }
                    3 => rig.mm.copy_in(start, &mut buffer, opts).map_err(|p| (p.done, p.cause)),
                    _ => {
                        let mut sink = safecopy::SliceWriter::new(&mut buffer);
                        stream(rig.mm.copy_in_to(ranges, &mut sink, opts))
                    }
                };
                let access = if writes { AccessType::WRITE } else { AccessType::READ };
                let case = format!("{middle:?} {opts:?} method {method}");
                match middle.refuses(access, opts) {
                    None => assert_eq!(result, Ok(LEN), "{case}"),
                    Some(kind) => {
                        let (done, fault) = result.expect_err(&case);
                        assert_eq!((done, fault.kind, fault.addr), (96, kind, page(1)), "{case}");
                    }
                }
                rig.check();
            }
        }
    }
}

fn stream(
    result: usermem_types::Transfer<usermem_io::IoCause>,
) -> Result<usize, (usize, usermem_types::Fault)> {
    result.map_err(|partial| match partial.cause {
        usermem_io::IoCause::Fault(fault) => (partial.done, fault),
        other => panic!("{other:?}"),
    })
}
