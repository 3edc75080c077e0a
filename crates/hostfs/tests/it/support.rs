//! What the tests share.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostfs::{FileDescription, Namespace};
use memfile::{MemoryFile, MemoryFileOptions};
use memmap::CommitLimit;
use safecopy::{Block, DstBlock, DstBlockSeq, Reader, SrcBlock, SrcBlockSeq, StreamError, Writer};
use usermem_io::{BytesIo, Io, IoCause, IoOpts, IoSequence};
use usermem_types::{
    Addr, AddrRange, AddrRangeSeq, AlignedAddr, Errno, Fault, FaultKind, Partial, Transfer,
};

/// What memory files of a test count against.
pub(crate) fn unlimited() -> Arc<dyn CommitLimit> {
    let options = MemoryFileOptions { reservation: 1 << 26, ..MemoryFileOptions::default() };
    MemoryFile::new(options).unwrap()
}

/// A fresh directory of the host, and the tree below it.
pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) namespace: Namespace,
    pub(crate) root: Arc<dyn FileDescription>,
}

impl Fixture {
    /// Makes a tree that may be changed below `writable`, after `fill` made its files.
    pub(crate) fn new(writable: &[&str], fill: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path());
        let writable: Vec<PathBuf> = writable.iter().map(PathBuf::from).collect();
        let namespace = Namespace::new(dir.path(), &writable).unwrap();
        let root = namespace.root_directory().unwrap();
        Self { dir, namespace, root }
    }

    pub(crate) fn open(&self, path: &str, flags: i32) -> Result<Arc<dyn FileDescription>, Errno> {
        self.namespace.open(self.root.as_ref(), path.as_bytes(), flags as u32, 0o644)
    }

    pub(crate) fn host(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }
}

/// Reads up to `len` bytes.
pub(crate) fn read(file: &dyn FileDescription, len: usize) -> Result<Vec<u8>, IoCause> {
    let mut buffer = vec![0; len];
    let done = with_bytes(&mut buffer, |sequence| file.read(sequence));
    buffer.truncate(done.map_err(|partial| partial.cause)?);
    Ok(buffer)
}

/// Reads up to `len` bytes at an offset.
pub(crate) fn read_at(
    file: &dyn FileDescription,
    len: usize,
    offset: u64,
) -> Result<Vec<u8>, IoCause> {
    let mut buffer = vec![0; len];
    let done = with_bytes(&mut buffer, |sequence| file.read_at(sequence, offset));
    buffer.truncate(done.map_err(|partial| partial.cause)?);
    Ok(buffer)
}

/// Writes bytes.
pub(crate) fn write(file: &dyn FileDescription, bytes: &[u8]) -> Result<usize, IoCause> {
    let mut buffer = bytes.to_vec();
    with_bytes(&mut buffer, |sequence| file.write(sequence)).map_err(|partial| partial.cause)
}

/// Writes bytes at an offset.
pub(crate) fn write_at(
    file: &dyn FileDescription,
    bytes: &[u8],
    offset: u64,
) -> Result<usize, IoCause> {
    let mut buffer = bytes.to_vec();
    let done = with_bytes(&mut buffer, |sequence| file.write_at(sequence, offset));
    done.map_err(|partial| partial.cause)
}

fn with_bytes<T>(buffer: &mut [u8], f: impl FnOnce(IoSequence<'_>) -> T) -> T {
    let range = Addr::ZERO.to_range(buffer.len() as u64).unwrap();
    let io = BytesIo::new(buffer);
    f(IoSequence::new(&io, AddrRangeSeq::of(range).unwrap(), IoOpts::CHECKED))
}

/// An address space whose only memory lies in `[0, bytes)`; everything else is unmapped.
pub(crate) struct Holey {
    memory: RefCell<Vec<u8>>,
}

impl Holey {
    pub(crate) fn new(memory: &[u8]) -> Self {
        Self { memory: RefCell::new(memory.to_vec()) }
    }

    pub(crate) fn memory(&self) -> Vec<u8> {
        self.memory.borrow().clone()
    }

    /// Works on `(address, length)` ranges.
    pub(crate) fn sequence<T>(
        &self,
        ranges: &[(u64, u64)],
        f: impl FnOnce(IoSequence<'_>) -> T,
    ) -> T {
        let ranges: Vec<AddrRange> =
            ranges.iter().map(|(addr, len)| Addr::new(*addr).to_range(*len).unwrap()).collect();
        f(IoSequence::new(self, AddrRangeSeq::from_slice(&ranges).unwrap(), IoOpts::CHECKED))
    }

    /// Splits off what can be accessed: pieces of the memory, and the fault that follows.
    fn accessible(&self, ranges: AddrRangeSeq<'_>) -> (Vec<(usize, usize)>, Option<Fault>) {
        let len = self.memory.borrow().len() as u64;
        let mut pieces = Vec::new();
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            let end = range.end().get().min(len);
            let start = range.start().get();
            if start < end {
                pieces.push((start as usize, end as usize));
            }
            if range.end().get() > len {
                let addr = Addr::new(start.max(len));
                return (pieces, Some(Fault::new(FaultKind::Unmapped, addr)));
            }
        }
        (pieces, None)
    }
}

fn finish(result: Transfer<StreamError>, wanted: usize, fault: Option<Fault>) -> Transfer<IoCause> {
    let no_host_faults = |_| unreachable!("the memory is there");
    let done =
        result.map_err(|partial| partial.map_cause(|e| IoCause::from_stream(e, no_host_faults)))?;
    match fault {
        Some(fault) if done == wanted => Err(Partial::new(done, IoCause::Fault(fault))),
        _ => Ok(done),
    }
}

impl Io for Holey {
    fn copy_out(&self, _: Addr, _: &[u8], _: IoOpts) -> Transfer {
        unreachable!("files only stream")
    }

    fn copy_in(&self, _: Addr, _: &mut [u8], _: IoOpts) -> Transfer {
        unreachable!("files only stream")
    }

    fn zero_out(&self, _: Addr, _: usize, _: IoOpts) -> Transfer {
        unreachable!("files only stream")
    }

    fn copy_out_from(
        &self,
        ranges: AddrRangeSeq<'_>,
        reader: &mut dyn Reader,
        _: IoOpts,
    ) -> Transfer<IoCause> {
        let (pieces, fault) = self.accessible(ranges);
        if pieces.is_empty() {
            return fault.map_or(Ok(0), |fault| Err(Partial::new(0, IoCause::Fault(fault))));
        }
        let mut memory = self.memory.borrow_mut();
        let whole = DstBlock::from_slice(&mut memory);
        let blocks: Vec<Block<'_, _>> = pieces
            .iter()
            .map(|(start, end)| whole.drop_first(*start).take_first(end - start))
            .collect();
        let blocks = DstBlockSeq::from_slice(&blocks);
        finish(reader.read_to_blocks(blocks), blocks.num_bytes(), fault)
    }

    fn copy_in_to(
        &self,
        ranges: AddrRangeSeq<'_>,
        writer: &mut dyn Writer,
        _: IoOpts,
    ) -> Transfer<IoCause> {
        let (pieces, fault) = self.accessible(ranges);
        if pieces.is_empty() {
            return fault.map_or(Ok(0), |fault| Err(Partial::new(0, IoCause::Fault(fault))));
        }
        let memory = self.memory.borrow();
        let blocks: Vec<_> =
            pieces.iter().map(|(start, end)| SrcBlock::from_slice(&memory[*start..*end])).collect();
        let blocks = SrcBlockSeq::from_slice(&blocks);
        finish(writer.write_from_blocks(blocks), blocks.num_bytes(), fault)
    }

    fn swap_u32(&self, _: AlignedAddr<4>, _: u32, _: IoOpts) -> Result<u32, Fault> {
        unreachable!("files only stream")
    }

    fn compare_exchange_u32(
        &self,
        _: AlignedAddr<4>,
        _: u32,
        _: u32,
        _: IoOpts,
    ) -> Result<u32, Fault> {
        unreachable!("files only stream")
    }

    fn load_u32(&self, _: AlignedAddr<4>, _: IoOpts) -> Result<u32, Fault> {
        unreachable!("files only stream")
    }
}
