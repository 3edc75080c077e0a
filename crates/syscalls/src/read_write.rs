//! The read and write family, and what moves bytes between files.

use std::sync::Arc;

use hostfs::{FileDescription, StatusFlags};
use kernel_task::{CurrentTask, IoVectors, Resource};
use usermem_io::{IoCause, IoOpts, IoSequence};
use usermem_types::{Addr, Errno, MAX_RW_COUNT, Transfer};

use crate::outcome::short_or_errno;
use crate::{Args, SysResult, signals};

/// `RWF_NOWAIT` and the other flags of `preadv2` that ask for nothing a host file would do
/// differently here: HIPRI, DSYNC, SYNC.
const RWF_HARMLESS: u32 = 0x1 | 0x2 | 0x4;
const RWF_APPEND: u32 = 0x10;

const ACCESS_MODE: u32 = 0o3;

/// The direction that a descriptor must be open for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

/// Returns the open file of a descriptor, when it is open for the direction.
fn file_for(
    task: &CurrentTask,
    fd: i32,
    direction: Direction,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let file = Arc::clone(&task.task().files().lock().get(fd)?.file);
    let flags = file.opened_flags();
    // Access mode 3 is good for neither.
    let allowed = matches!(
        (flags.bits() & ACCESS_MODE, direction),
        (0, Direction::Read) | (1, Direction::Write) | (2, _)
    );
    if flags.contains(StatusFlags::PATH) || !allowed { Err(Errno::EBADF) } else { Ok(file) }
}

/// The checks of Linux's `rw_verify_area`: a length is not negative.
fn checked_len(args: &Args, index: usize) -> Result<u64, Errno> {
    let len = args.raw(index);
    if len > i64::MAX as u64 { Err(Errno::EINVAL) } else { Ok(len) }
}

fn checked_offset(offset: i64) -> Result<u64, Errno> {
    u64::try_from(offset).map_err(|_| Errno::EINVAL)
}

/// A buffer for a call that fills it or empties it. Linux checks the address before the length.
fn buffer<'t>(task: &'t CurrentTask, args: &Args) -> Result<IoSequence<'t>, Errno> {
    let len = args.raw(2);
    if len > i64::MAX as u64 {
        // Linux: access_ok fails before rw_verify_area sees the length.
        return Err(Errno::EFAULT);
    }
    task.check_io_range(args.addr(1), len)?;
    task.single_io_sequence(args.addr(1), len, IoOpts::CHECKED)
}

/// Comes to the result of a write. A pipe without a reader raises `SIGPIPE` besides its error, and a
/// file that would exceed its limit `SIGXFSZ`.
fn finish_in(task: &CurrentTask, moved: Transfer<IoCause>) -> SysResult {
    const SIGPIPE: i32 = 13;
    const SIGXFSZ: i32 = 25;
    match short_or_errno(moved) {
        Ok(done) => {
            task.count_in(done);
            Ok(done as u64)
        }
        Err(errno) => {
            let file_size = || task.task().limits().lock().get(Resource::FileSize).soft;
            match errno {
                Errno::EPIPE => signals::raise(task, SIGPIPE),
                Errno::EFBIG if file_size() != u64::MAX => signals::raise(task, SIGXFSZ),
                _ => {}
            }
            Err(errno)
        }
    }
}

fn finish_out(task: &CurrentTask, moved: Transfer<IoCause>) -> SysResult {
    let done = short_or_errno(moved)?;
    task.count_out(done);
    Ok(done as u64)
}

pub(crate) fn read(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = file_for(task, args.int(0), Direction::Read)?;
    let sequence = buffer(task, args)?;
    finish_out(task, file.read(sequence))
}

pub(crate) fn write(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = file_for(task, args.int(0), Direction::Write)?;
    let sequence = buffer(task, args)?;
    finish_in(task, file.write(sequence))
}

/// Returns the file of a positioned call. Linux looks at the offset first, then at the
/// descriptor, then at whether the file can seek at all, then at its access mode.
fn positioned(
    task: &CurrentTask,
    args: &Args,
    direction: Direction,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let file = Arc::clone(&task.task().files().lock().get(args.int(0))?.file);
    if file.opened_flags().contains(StatusFlags::PATH) {
        return Err(Errno::EBADF);
    }
    if !can_position(&*file) {
        return Err(Errno::ESPIPE);
    }
    file_for(task, args.int(0), direction)
}

fn can_position(file: &dyn FileDescription) -> bool {
    use hostfs::FileKind;
    !matches!(file.kind(), FileKind::Pipe | FileKind::Socket | FileKind::Terminal)
}

pub(crate) fn pread64(task: &mut CurrentTask, args: &Args) -> SysResult {
    let offset = checked_offset(args.long(3))?;
    let file = positioned(task, args, Direction::Read)?;
    let sequence = buffer(task, args)?;
    finish_out(task, file.read_at(sequence, offset))
}

pub(crate) fn pwrite64(task: &mut CurrentTask, args: &Args) -> SysResult {
    let offset = checked_offset(args.long(3))?;
    let file = positioned(task, args, Direction::Write)?;
    let sequence = buffer(task, args)?;
    finish_in(task, file.write_at(sequence, offset))
}

pub(crate) fn readv(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = file_for(task, args.int(0), Direction::Read)?;
    read_vector(task, args, &*file, None)
}

pub(crate) fn writev(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = file_for(task, args.int(0), Direction::Write)?;
    write_vector(task, args, &*file, None)
}

/// Copies the iovec array in; Linux looks at the low half of the count.
fn vectors<'t>(task: &'t CurrentTask, args: &Args) -> Result<IoVectors<'t>, Errno> {
    task.iovecs_io_sequence(args.addr(1), args.uint(2).into(), IoOpts::CHECKED)
}

fn read_vector(
    task: &CurrentTask,
    args: &Args,
    file: &dyn FileDescription,
    offset: Option<u64>,
) -> SysResult {
    through_vectors(task, args, finish_out, |sequence| match offset {
        Some(offset) => file.read_at(sequence, offset),
        None => file.read(sequence),
    })
}

fn write_vector(
    task: &CurrentTask,
    args: &Args,
    file: &dyn FileDescription,
    offset: Option<u64>,
) -> SysResult {
    through_vectors(task, args, finish_in, |sequence| match offset {
        Some(offset) => file.write_at(sequence, offset),
        None => file.write(sequence),
    })
}

/// Moves bytes through the buffers of an iovec array; a file is not asked to move none.
fn through_vectors(
    task: &CurrentTask,
    args: &Args,
    finish: fn(&CurrentTask, Transfer<IoCause>) -> SysResult,
    transfer: impl FnOnce(IoSequence<'_>) -> Transfer<IoCause>,
) -> SysResult {
    let vectors = vectors(task, args)?;
    let sequence = vectors.sequence();
    if sequence.num_bytes() == 0 { Ok(0) } else { finish(task, transfer(sequence)) }
}

pub(crate) fn preadv(task: &mut CurrentTask, args: &Args) -> SysResult {
    let offset = checked_offset(args.long(3))?;
    let file = positioned(task, args, Direction::Read)?;
    read_vector(task, args, &*file, Some(offset))
}

pub(crate) fn pwritev(task: &mut CurrentTask, args: &Args) -> SysResult {
    let offset = checked_offset(args.long(3))?;
    let file = positioned(task, args, Direction::Write)?;
    write_vector(task, args, &*file, Some(offset))
}

/// The flags of `preadv2` and `pwritev2` that we honour by doing what we do anyway.
fn checked_flags(args: &Args) -> Result<(), Errno> {
    if args.uint(5) & !RWF_HARMLESS != 0 { Err(Errno::EOPNOTSUPP) } else { Ok(()) }
}

pub(crate) fn preadv2(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.long(3) == -1 {
        let file = file_for(task, args.int(0), Direction::Read)?;
        checked_flags(args)?;
        return read_vector(task, args, &*file, None);
    }
    let offset = checked_offset(args.long(3))?;
    let file = positioned(task, args, Direction::Read)?;
    checked_flags(args)?;
    read_vector(task, args, &*file, Some(offset))
}

pub(crate) fn pwritev2(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at_end = args.uint(5) & RWF_APPEND != 0;
    let flags = Args::new([0, 0, 0, 0, 0, u64::from(args.uint(5) & !RWF_APPEND)]);
    if args.long(3) == -1 {
        let file = file_for(task, args.int(0), Direction::Write)?;
        checked_flags(&flags)?;
        let offset = if at_end { Some(file.stat()?.size) } else { None };
        return write_vector(task, args, &*file, offset);
    }
    let offset = checked_offset(args.long(3))?;
    let file = positioned(task, args, Direction::Write)?;
    checked_flags(&flags)?;
    let offset = if at_end { file.stat()?.size } else { offset };
    write_vector(task, args, &*file, Some(offset))
}

/// The most bytes that `sendfile` moves through private memory at once.
const SENDFILE_CHUNK: usize = 64 << 10;

pub(crate) fn sendfile(task: &mut CurrentTask, args: &Args) -> SysResult {
    let offset_at = args.addr(2);
    let mut offset = match offset_at {
        Addr::ZERO => None,
        addr => Some(checked_offset(task.copy_in::<i64>(addr)?)?),
    };
    let source = file_for(task, args.int(1), Direction::Read)?;
    let sink = file_for(task, args.int(0), Direction::Write)?;
    if sink.status_flags().contains(StatusFlags::APPEND) {
        return Err(Errno::EINVAL);
    }
    if source.mapped_object().is_err() {
        return Err(Errno::EINVAL);
    }
    let len = checked_len(args, 3)?.min(MAX_RW_COUNT);
    let mut scratch = vec![0; SENDFILE_CHUNK.min(usize::try_from(len).unwrap_or(usize::MAX))];
    let mut done = 0;
    while done < len {
        let chunk = (len - done).min(scratch.len() as u64);
        let moved = match move_chunk(&*source, offset, &*sink, &mut scratch, chunk) {
            Ok(moved) => moved,
            Err(errno) if done == 0 => return Err(errno),
            Err(_) => break,
        };
        done += moved;
        offset = offset.map(|offset| offset + moved);
        if moved == 0 {
            break;
        }
    }
    if let Some(offset) = offset {
        task.copy_out(offset_at, &(offset as i64))?;
    }
    Ok(done)
}

/// Moves one chunk; what the sink does not take is not consumed from the source.
fn move_chunk(
    source: &dyn FileDescription,
    offset: Option<u64>,
    sink: &dyn FileDescription,
    scratch: &mut [u8],
    len: u64,
) -> Result<u64, Errno> {
    let io = usermem_io::BytesIo::new(scratch);
    let range = Addr::ZERO.to_range(len).ok_or(Errno::EINVAL)?;
    let ranges = usermem_types::AddrRangeSeq::of(range).map_err(|_| Errno::EINVAL)?;
    let sequence = IoSequence::new(&io, ranges, IoOpts::CHECKED);
    let start = match offset {
        Some(offset) => offset,
        None => source.seek(0, hostfs::Whence::Current)?,
    };
    let read = short_or_errno(source.read_at(sequence, start))? as u64;
    let written = short_or_errno(sink.write(sequence.take_first(read)))? as u64;
    if offset.is_none() {
        let end = i64::try_from(start + written).map_err(|_| Errno::EOVERFLOW)?;
        source.seek(end, hostfs::Whence::Start)?;
    }
    Ok(written)
}
