//! Level 3: many ranges at once, as a system call with an array of buffers has them.

use std::io::IoSliceMut;

use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MemoryManager, MmapFlags, MmapRequest};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use platform::null::NullAddressSpace;
use usermem_io::{Io as _, IoOpts, IoSequence};
use usermem_types::{AccessType, Addr, AddrRange, AddrRangeSeq};

use super::tables::{Buffer, bytes};
use crate::bench::Bench;
use crate::lap::{expect, expect_bytes, time};
use crate::peers::process::Holder;
use crate::peers::{gvisor, vm};
use crate::plan::Plan;
use crate::raw::Mapped;

const LEVEL: &str = "sequence";
const BASE: u64 = 0x100_0000;

pub(super) fn rows(bench: &mut Bench<'_>) {
    for (ranges, len, limit, gvisor, linux) in [
        (8, 16, 1.5, 0.08, 0.02),
        (64, 64, 2.5, 0.08, 0.03),
        (64, 512, 1.35, 0.25, 0.1),
        (64, 4096, 1.1, 0.8, 0.5),
        (1024, 4096, 1.1, 0.8, 0.5),
    ] {
        let unit = if len < 1024 { format!("{len} B") } else { format!("{} KiB", len / 1024) };
        bench.row(LEVEL, &format!("{ranges} × {unit}"), |setting, name| {
            // Every second piece of the memory; the others lie between.
            let step = 2 * len;
            let contents = bytes(ranges * step);
            let pieces: Vec<usize> = (0..ranges).map(|index| index * step).collect();
            let expected: Vec<u8> =
                pieces.iter().flat_map(|at| &contents[*at..at + len]).copied().collect();
            let mm = manager(&contents)?;
            let list: Vec<AddrRange> = pieces
                .iter()
                .filter_map(|at| Addr::new(BASE + *at as u64).to_range(len as u64))
                .collect();
            let list = AddrRangeSeq::from_slice(&list).map_err(|_| "too many ranges")?;
            let mut own = Mapped::new(contents.len())?;
            own.write(0, &contents);
            let holder = Holder::new(&contents);
            let guest = vm::Guest::holding(BASE, &contents);
            let mut buffers = [(); 4].map(|()| Buffer::new(expected.len(), 0));
            let [ours, limit_to, linux_to, vm_to] = buffers.each_mut().map(Buffer::get_mut);
            let (expected, pieces) = (&expected, &pieces);
            let plan = Plan::new(name)
                .ours(|count| {
                    ours.fill(0xff);
                    let sequence = IoSequence::new(&*mm, list, IoOpts::CHECKED);
                    let mut right = 0;
                    let nanoseconds = time(count, |_| {
                        right += u64::from(sequence.copy_in(ours) == Ok(ranges * len));
                    });
                    expect(right, count)?;
                    expect_bytes(ours, expected).map(|()| nanoseconds)
                })
                .limit("memcpy", limit, |count| {
                    limit_to.fill(0xff);
                    let nanoseconds = own.gather(limit_to, pieces, len, count);
                    expect_bytes(limit_to, expected).map(|()| nanoseconds)
                })
                .peer("gVisor", gvisor, gvisor::lap(setting, &format!("sequence {ranges} {len}")))
                .peer(
                    "process_vm_readv",
                    linux,
                    holder.as_ref().map(|holder| {
                        let remote: Vec<RemoteIoVec> = pieces
                            .iter()
                            .map(|at| RemoteIoVec { base: holder.addr() + at, len })
                            .collect();
                        move |count| {
                            linux_to.fill(0xff);
                            let mut right = 0;
                            let nanoseconds = time(count, |_| {
                                right +=
                                    u64::from(readv(holder, linux_to, &remote) == ranges * len);
                            });
                            expect(right, count)?;
                            expect_bytes(linux_to, expected).map(|()| nanoseconds)
                        }
                    }),
                )
                .beside(
                    "vm-memory",
                    guest.as_ref().map(|guest| {
                        Box::new(move |count| {
                            vm_to.fill(0xff);
                            let mut failed = false;
                            let nanoseconds = time(count, |_| {
                                for (at, to) in pieces.iter().zip(vm_to.chunks_exact_mut(len)) {
                                    failed |= !guest.read(BASE + *at as u64, to);
                                }
                            });
                            expect(u64::from(failed), 0)?;
                            expect_bytes(vm_to, expected).map(|()| nanoseconds)
                        }) as _
                    }),
                );
            setting.measure(plan)
        });
    }
}

/// Makes a program with one mapping that holds `contents`.
fn manager(contents: &[u8]) -> Result<std::sync::Arc<MemoryManager>, String> {
    let options = MemoryFileOptions { reservation: 1 << 32, ..MemoryFileOptions::default() };
    let memory = MemoryFile::new(options).map_err(|error| error.to_string())?;
    let mm = MemoryManager::new(std::sync::Arc::new(NullAddressSpace::new()), memory);
    let (at, len) = (Addr::new(BASE), contents.len() as u64);
    let request = MmapRequest::anonymous(at, len, AccessType::READ_WRITE, MmapFlags::FIXED);
    mm.mmap(request).map_err(|error| format!("mmap: {error:?}"))?;
    mm.copy_out(at, contents, IoOpts::CHECKED).map_err(|partial| format!("{partial:?}"))?;
    Ok(mm)
}

/// Reads from another process, with one call for every 1024 pieces, which is the most that one takes.
fn readv(holder: &Holder, to: &mut [u8], remote: &[RemoteIoVec]) -> usize {
    let mut done = 0;
    for pieces in remote.chunks(1024) {
        let mut local = [IoSliceMut::new(&mut to[done..])];
        match process_vm_readv(holder.pid(), &mut local, pieces) {
            Ok(read) => done += read,
            Err(_) => return 0,
        }
    }
    done
}
