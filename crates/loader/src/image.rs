//! Mapping the segments of an image.

use hostfs::FileDescription;
use memmap::MappedObject;
use mm::{MemoryManager, MmapFlags, MmapRequest};
use usermem_io::{Io, IoOpts};
use usermem_types::{AccessType, Addr, Errno, PageSize};

use crate::LoadError;
use crate::elf::{Headers, Segment};

const PAGE: PageSize = PageSize::K4;

/// An image that is mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappedImage {
    /// What was added to the addresses of the headers.
    pub(crate) bias: u64,
    /// The entry point.
    pub(crate) entry: Addr,
    /// The program headers.
    pub(crate) program_headers: u64,
    /// The page boundary after the last segment.
    pub(crate) end: Addr,
}

/// Where an image may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// At this address or above, when it is position independent.
    Near(Addr),
    /// Wherever a mapping goes.
    Anywhere,
}

/// Maps an image; on failure some of its segments may be left mapped, and the address space is of
/// no more use.
pub(crate) fn map(
    memory: &MemoryManager,
    path: &[u8],
    file: &dyn FileDescription,
    headers: &Headers,
    placement: Placement,
) -> Result<MappedImage, LoadError> {
    let refuse = |errno: Errno, why: &str| LoadError::new(path, errno, why);
    let object = file.mapped_object().map_err(|errno| refuse(errno, "cannot be mapped"))?;
    let (first, end) =
        span(&headers.segments).ok_or_else(|| refuse(Errno::EINVAL, "a segment out of range"))?;
    let bias = match (headers.is_position_independent, placement) {
        (false, _) => 0,
        (true, placement) => {
            let base = reserve(memory, end - first, placement)
                .map_err(|errno| refuse(errno, "no room in the address space"))?;
            base.get().wrapping_sub(first)
        }
    };
    for segment in headers.segments.iter().filter(|segment| segment.memory_len != 0) {
        map_segment(memory, &object, segment, bias)
            .map_err(|errno| refuse(errno, "a segment cannot be mapped"))?;
    }
    Ok(MappedImage {
        bias,
        entry: Addr::new(headers.entry.wrapping_add(bias)),
        program_headers: match headers.program_headers {
            0 => 0,
            address => address.wrapping_add(bias),
        },
        end: Addr::new(end.wrapping_add(bias)),
    })
}

/// The page-aligned range of addresses that the segments cover.
fn span(segments: &[Segment]) -> Option<(u64, u64)> {
    let mut span: Option<(u64, u64)> = None;
    for segment in segments.iter().filter(|segment| segment.memory_len != 0) {
        let start = PAGE.round_down(segment.address);
        let end = PAGE.round_up(segment.address.checked_add(segment.memory_len)?)?;
        let (first, last) = span.unwrap_or((start, end));
        span = Some((first.min(start), last.max(end)));
    }
    span
}

/// Finds room for a position-independent image and returns its address.
fn reserve(memory: &MemoryManager, len: u64, placement: Placement) -> Result<Addr, Errno> {
    let hint = match placement {
        Placement::Near(addr) => addr,
        Placement::Anywhere => Addr::ZERO,
    };
    let addr = memory.mmap(MmapRequest {
        addr: hint,
        len,
        access: AccessType::NONE,
        max_access: AccessType::ALL,
        flags: MmapFlags::PRIVATE | MmapFlags::ANONYMOUS | MmapFlags::NORESERVE,
        offset: 0,
        object: None,
    })?;
    // Only the place was wanted: gaps between segments are to stay unmapped.
    memory.munmap(addr, len)?;
    Ok(addr)
}

fn map_segment(
    memory: &MemoryManager,
    object: &MappedObject,
    segment: &Segment,
    bias: u64,
) -> Result<(), Errno> {
    let address = segment.address.wrapping_add(bias);
    let start = PAGE.round_down(address);
    let lead = PAGE.offset(address);
    let mut mapped_end = start;
    if segment.file_len != 0 {
        let len = segment.file_len.checked_add(lead).ok_or(Errno::EINVAL)?;
        memory.mmap(MmapRequest {
            addr: Addr::new(start),
            len,
            access: segment.access,
            max_access: AccessType::ALL,
            flags: MmapFlags::PRIVATE | MmapFlags::FIXED,
            offset: segment.file_offset.checked_sub(lead).ok_or(Errno::EINVAL)?,
            object: Some(object.clone()),
        })?;
        let file_end = start.checked_add(len).ok_or(Errno::EINVAL)?;
        mapped_end = PAGE.round_up(file_end).ok_or(Errno::EINVAL)?;
        if segment.memory_len > segment.file_len && segment.access.write() {
            let tail = usize::try_from(mapped_end - file_end).map_err(|_| Errno::EINVAL)?;
            memory
                .zero_out(Addr::new(file_end), tail, IoOpts::IGNORE_PERMISSIONS)
                .map_err(|_| Errno::EFAULT)?;
        }
    }
    let memory_end = address.checked_add(segment.memory_len).ok_or(Errno::EINVAL)?;
    let memory_end = PAGE.round_up(memory_end).ok_or(Errno::EINVAL)?;
    if memory_end > mapped_end {
        memory.mmap(MmapRequest {
            addr: Addr::new(mapped_end),
            len: memory_end - mapped_end,
            access: segment.access,
            max_access: AccessType::ALL,
            flags: MmapFlags::PRIVATE | MmapFlags::ANONYMOUS | MmapFlags::FIXED,
            offset: 0,
            object: None,
        })?;
    }
    Ok(())
}
