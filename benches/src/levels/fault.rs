//! Level 1: an access that faults and becomes an error.

use safecopy::{DstBlock, HostFault, SrcBlock, copy};
use usermem_types::{FaultKind, Partial};

use crate::bench::Bench;
use crate::lap::{expect, time};
use crate::peers::gvisor;
use crate::plan::Plan;
use crate::raw::Mapped;

const LEVEL: &str = "fault";

pub(super) fn rows(bench: &mut Bench<'_>) {
    bench.row(LEVEL, "fault to error", |setting, name| {
        let nothing = match Mapped::without_access(4096) {
            Ok(nothing) => nothing,
            Err(reason) => return Ok(Err(reason)),
        };
        let plan = Plan::new(name).ours(|count| {
            let src: SrcBlock<'_> = nothing.block();
            let mut own = [0; 64];
            let dst = DstBlock::from_slice(&mut own);
            let fault = HostFault { kind: FaultKind::Protection, addr: src.addr() };
            let mut right = 0;
            let nanoseconds = time(count, |_| {
                right += u64::from(copy(dst, src) == Err(Partial::new(0, fault)));
            });
            expect(right, count).map(|()| nanoseconds)
        });
        let plan = plan.peer("gVisor", 1.1, gvisor::lap(setting, "fault"));
        setting.measure(plan)
    });
}
