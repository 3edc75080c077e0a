//! Arguments of each kind, as text. What cannot be read is shown as its address.

use usermem_io::{Io, IoExt, IoOpts, StringCause, StringError};
use usermem_types::{Addr, PATH_MAX};

use super::flags::{
    ADVICE, ARCH_PRCTL, AT, CLOCK, FCNTL, IOCTL, MEMBARRIER, MOVE_PAGES, POLICY_QUERY, POLL, PRCTL,
    PROT, REMAP, RESOURCE, SHM_AT, SHM_COMMAND, SIG_HOW, WHENCE, constant, file_mode, flags,
    futex_op, map_flags, open_flags, policy_mode, shm_get_flags, signal_name,
};
use super::quote::{SHOWN, quote, quote_cut};
use crate::remote::{PIDFD_SELF, PIDFD_SELF_THREAD};
use crate::{ArgKind, Args, SysResult};

/// The smallest page that a machine has.
const PAGE: usize = 4096;

/// How many elements of an array are shown.
const ELEMENTS: u64 = 8;

/// Returns an argument that is known before the call; `None` for what the call fills.
pub(super) fn decode_in(
    memory: &dyn Io,
    kinds: &[ArgKind],
    args: &Args,
    index: usize,
) -> Option<String> {
    let value = args.raw(index);
    let word = u64::from(args.uint(index));
    let next = args.raw(index + 1);
    Some(match kinds.get(index)? {
        ArgKind::Fd => args.int(index).to_string(),
        ArgKind::DirFd if args.int(index) == libc::AT_FDCWD => "AT_FDCWD".to_owned(),
        ArgKind::DirFd => args.int(index).to_string(),
        // A C `int` and a negative `long` look alike only as signed numbers.
        ArgKind::Int if value >> 32 == 0 => args.int(index).to_string(),
        ArgKind::Int => args.long(index).to_string(),
        ArgKind::Size => value.to_string(),
        ArgKind::Hex => format!("{value:#x}"),
        ArgKind::Mode => format!("0{:03o}", args.uint(index)),
        ArgKind::Addr => address(value),
        ArgKind::Path => path(memory, value),
        ArgKind::BufIn => buffer(memory, value, next),
        ArgKind::IovecIn => iovecs(memory, value, next, None),
        ArgKind::TimespecIn => timespec(memory, value),
        ArgKind::OpenFlags => open_flags(word),
        ArgKind::Prot => flags(value, PROT, "PROT_NONE"),
        ArgKind::MapFlags => map_flags(value),
        ArgKind::RemapFlags => flags(value, REMAP, "0"),
        ArgKind::Advice => constant(word, ADVICE),
        ArgKind::IpcKey if word == 0 => "IPC_PRIVATE".to_owned(),
        ArgKind::IpcKey => format!("{word:#x}"),
        ArgKind::ShmGetFlags => shm_get_flags(word),
        ArgKind::ShmAtFlags => flags(word, SHM_AT, "0"),
        ArgKind::ShmCommand => constant(word, SHM_COMMAND),
        ArgKind::AtFlags => flags(word, AT, "0"),
        ArgKind::Whence => constant(word, WHENCE),
        ArgKind::FcntlCmd => constant(word, FCNTL),
        ArgKind::Ioctl => constant(word, IOCTL),
        ArgKind::Clock => constant(word, CLOCK),
        ArgKind::Signal => signal_name(args.int(index)),
        ArgKind::SigHow => constant(word, SIG_HOW),
        ArgKind::Resource => constant(word, RESOURCE),
        ArgKind::FutexOp => futex_op(word),
        ArgKind::ArchPrctl => constant(value, ARCH_PRCTL),
        ArgKind::Prctl => constant(word, PRCTL),
        ArgKind::Membarrier => constant(word, MEMBARRIER),
        ArgKind::PolicyMode => policy_mode(word),
        ArgKind::PolicyQuery => flags(value, POLICY_QUERY, "0"),
        ArgKind::MovePagesFlags => flags(word, MOVE_PAGES, "0"),
        ArgKind::NodeMaskIn => node_mask(memory, value, next),
        ArgKind::PidFd if args.int(index) == PIDFD_SELF_THREAD => "PIDFD_SELF_THREAD".to_owned(),
        ArgKind::PidFd if args.int(index) == PIDFD_SELF => "PIDFD_SELF_THREAD_GROUP".to_owned(),
        ArgKind::PidFd => args.int(index).to_string(),
        ArgKind::BufOut
        | ArgKind::IovecOut
        | ArgKind::TimespecOut
        | ArgKind::StatOut
        | ArgKind::FdPairOut
        | ArgKind::PollFds => return None,
    })
}

/// Returns an argument that the call has filled.
pub(super) fn decode_out(
    memory: &dyn Io,
    kinds: &[ArgKind],
    args: &Args,
    index: usize,
    result: SysResult,
) -> String {
    let value = args.raw(index);
    let next = args.raw(index + 1);
    match (kinds.get(index), result) {
        // What happened to the descriptors is told even when nothing did.
        (Some(ArgKind::PollFds), _) => poll_fds(memory, value, next, result.is_ok()),
        (Some(ArgKind::IovecOut), Err(_)) => iovecs(memory, value, next, Some(0)),
        (_, Err(_)) | (None, _) => address(value),
        (Some(ArgKind::BufOut), Ok(len)) => buffer(memory, value, len),
        (Some(ArgKind::IovecOut), Ok(len)) => iovecs(memory, value, next, Some(len)),
        (Some(ArgKind::TimespecOut), Ok(_)) => timespec(memory, value),
        (Some(ArgKind::StatOut), Ok(_)) => stat(memory, value),
        (Some(ArgKind::FdPairOut), Ok(_)) => match words::<8>(memory, value) {
            Some(fds) => format!("[{}, {}]", int_at(&fds, 0), int_at(&fds, 4)),
            None => address(value),
        },
        (Some(_), Ok(_)) => address(value),
    }
}

/// Returns the first 64 nodes of a mask of `max` nodes, of which Linux does not look at the last.
fn node_mask(memory: &dyn Io, addr: u64, max: u64) -> String {
    let nodes = max.saturating_sub(1).min(64);
    match words::<8>(memory, addr) {
        Some(mask) if addr != 0 && nodes > 0 => {
            let mask = u64_at(&mask, 0) & (u64::MAX >> (64 - nodes));
            let more = if max > 65 { ", ..." } else { "" };
            format!("[{mask:#x}{more}]")
        }
        _ => address(addr),
    }
}

fn address(value: u64) -> String {
    if value == 0 { "NULL".to_owned() } else { format!("{value:#x}") }
}

/// Reads what can be read of a buffer and returns how much that was. Goes page by page: a piece
/// that leaves the address space would be refused as a whole.
fn read(memory: &dyn Io, addr: u64, buffer: &mut [u8]) -> usize {
    let mut done = 0;
    while done < buffer.len() {
        let Some(at) = addr.checked_add(done as u64) else { break };
        let to_page_end = PAGE - (at % PAGE as u64) as usize;
        let end = buffer.len().min(done + to_page_end);
        let Some(piece) = buffer.get_mut(done..end) else { break };
        match memory.copy_in(Addr::new(at), piece, IoOpts::CHECKED) {
            Ok(copied) => done += copied,
            Err(partial) => return done + partial.done,
        }
    }
    done
}

/// Reads an object; `None` when it cannot be read whole.
fn words<const N: usize>(memory: &dyn Io, addr: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (read(memory, addr, &mut bytes) == N).then_some(bytes)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let field = bytes.get(offset..).and_then(<[u8]>::first_chunk::<8>);
    field.map_or(0, |field| u64::from_ne_bytes(*field))
}

fn int_at(bytes: &[u8], offset: usize) -> i32 {
    let field = bytes.get(offset..).and_then(<[u8]>::first_chunk::<4>);
    field.map_or(0, |field| i32::from_ne_bytes(*field))
}

fn short_at(bytes: &[u8], offset: usize) -> u16 {
    let field = bytes.get(offset..).and_then(<[u8]>::first_chunk::<2>);
    field.map_or(0, |field| u16::from_ne_bytes(*field))
}

/// Returns a path: all of it, for what is cut off is often the point.
fn path(memory: &dyn Io, addr: u64) -> String {
    match memory.copy_in_string(Addr::new(addr), PATH_MAX, IoOpts::CHECKED) {
        Ok(path) => quote(&path),
        Err(StringError { partial, cause: StringCause::TooLong }) => {
            format!("{}...", quote(&partial))
        }
        Err(_) => address(addr),
    }
}

fn buffer(memory: &dyn Io, addr: u64, len: u64) -> String {
    let mut bytes = [0; SHOWN];
    let wanted = usize::try_from(len).map_or(SHOWN, |len| len.min(SHOWN));
    let Some(part) = bytes.get_mut(..wanted) else { return address(addr) };
    // Nothing to read needs no address.
    if addr == 0 || (read(memory, addr, part) < wanted) {
        return address(addr);
    }
    quote_cut(part, len)
}

/// Returns iovecs with what is in them: all of it, or the first `filled` bytes over all.
fn iovecs(memory: &dyn Io, addr: u64, count: u64, filled: Option<u64>) -> String {
    let mut left = filled.unwrap_or(u64::MAX);
    array(memory, addr, count, 16, |entry| {
        let (base, len) = (u64_at(entry, 0), u64_at(entry, 8));
        let shown = left.min(len);
        left -= shown;
        let contents =
            if shown == 0 && len != 0 { address(base) } else { buffer(memory, base, shown) };
        format!("{{iov_base={contents}, iov_len={len}}}")
    })
}

fn poll_fds(memory: &dyn Io, addr: u64, count: u64, over: bool) -> String {
    array(memory, addr, count, 8, |entry| {
        let events = flags(short_at(entry, 4).into(), POLL, "0");
        let ready = match short_at(entry, 6) {
            0 => String::new(),
            _ if !over => String::new(),
            ready => format!(", revents={}", flags(ready.into(), POLL, "0")),
        };
        format!("{{fd={}, events={events}{ready}}}", int_at(entry, 0))
    })
}

/// Returns the first elements of an array, of `size` bytes each, at most 16.
fn array(
    memory: &dyn Io,
    addr: u64,
    count: u64,
    size: usize,
    mut show: impl FnMut(&[u8]) -> String,
) -> String {
    if addr == 0 {
        return address(addr);
    }
    let mut shown = Vec::new();
    for index in 0..count.min(ELEMENTS) {
        let Some(at) = addr.checked_add(index * size as u64) else { return address(addr) };
        let mut element = [0; 16];
        let Some(element) = element.get_mut(..size) else { return address(addr) };
        if read(memory, at, element) < size {
            return address(addr);
        }
        shown.push(show(element));
    }
    if count > ELEMENTS {
        shown.push("...".to_owned());
    }
    format!("[{}]", shown.join(", "))
}

fn timespec(memory: &dyn Io, addr: u64) -> String {
    match words::<16>(memory, addr) {
        Some(time) if addr != 0 => {
            let (sec, nsec) = (u64_at(&time, 0) as i64, u64_at(&time, 8) as i64);
            format!("{{tv_sec={sec}, tv_nsec={nsec}}}")
        }
        _ => address(addr),
    }
}

fn stat(memory: &dyn Io, addr: u64) -> String {
    const LEN: usize = size_of::<libc::stat>();
    let Some(stat) = words::<LEN>(memory, addr) else { return address(addr) };
    let mode = int_at(&stat, std::mem::offset_of!(libc::stat, st_mode)) as u32;
    let kind = mode & libc::S_IFMT;
    let detail = if kind == libc::S_IFCHR || kind == libc::S_IFBLK {
        let device = u64_at(&stat, std::mem::offset_of!(libc::stat, st_rdev));
        format!("st_rdev=makedev({:#x}, {:#x})", libc::major(device), libc::minor(device))
    } else {
        format!("st_size={}", u64_at(&stat, std::mem::offset_of!(libc::stat, st_size)) as i64)
    };
    format!("{{st_mode={}, {detail}, ...}}", file_mode(mode))
}

#[cfg(test)]
mod tests {
    use usermem_io::BytesIo;

    use super::*;

    /// Decodes the first argument over a memory that starts at zero.
    #[track_caller]
    fn check(bytes: &mut [u8], kinds: &[ArgKind], args: [u64; 3], result: SysResult, text: &str) {
        let memory = BytesIo::new(bytes);
        let args = Args::new([args[0], args[1], args[2], 0, 0, 0]);
        let decoded = decode_in(&memory, kinds, &args, 0)
            .unwrap_or_else(|| decode_out(&memory, kinds, &args, 0, result));
        assert_eq!(decoded, text);
    }

    #[test]
    fn numbers() {
        let check = |kind, value, text| check(&mut [], &[kind], [value, 0, 0], Ok(0), text);
        check(ArgKind::Fd, 0xffff_ffff, "-1");
        check(ArgKind::DirFd, 0xffff_ff9c, "AT_FDCWD");
        check(ArgKind::Int, 0xffff_ffff, "-1");
        check(ArgKind::Int, u64::MAX, "-1");
        check(ArgKind::Int, 1 << 32, "4294967296");
        check(ArgKind::Mode, 0o644, "0644");
        check(ArgKind::Addr, 0, "NULL");
        check(ArgKind::Clock, 1, "CLOCK_MONOTONIC");
        check(ArgKind::Signal, 9, "SIGKILL");
        check(ArgKind::Membarrier, 1 << 9, "MEMBARRIER_CMD_GET_REGISTRATIONS");
        check(ArgKind::Membarrier, 3, "0x3");
        check(ArgKind::PolicyMode, 0x8002, "MPOL_BIND|MPOL_F_STATIC_NODES");
        check(ArgKind::PolicyMode, 9, "0x9");
        check(ArgKind::PolicyQuery, 3, "MPOL_F_NODE|MPOL_F_ADDR");
        check(ArgKind::MovePagesFlags, 6, "MPOL_MF_MOVE|MPOL_MF_MOVE_ALL");
        check(ArgKind::PidFd, u64::from(-10_001_i32 as u32), "PIDFD_SELF_THREAD_GROUP");
        check(ArgKind::PidFd, 3, "3");
        check(ArgKind::IpcKey, 0, "IPC_PRIVATE");
        check(ArgKind::IpcKey, 0xffff_ffff_8000_0001, "0x80000001");
    }

    #[test]
    fn memory_that_cannot_be_read_is_an_address() {
        let mut bytes = *b"\0abc";
        for kind in [ArgKind::Path, ArgKind::BufIn, ArgKind::TimespecIn, ArgKind::IovecIn] {
            check(&mut bytes, &[kind, ArgKind::Size], [2, 4, 0], Ok(0), "0x2");
            check(
                &mut bytes,
                &[kind, ArgKind::Size],
                [u64::MAX, 4, 0],
                Ok(0),
                "0xffffffffffffffff",
            );
        }
    }

    #[test]
    fn buffers_and_paths() {
        let mut bytes = *b"-/etc/passwd\0more";
        check(&mut bytes, &[ArgKind::Path], [1, 0, 0], Ok(0), r#""/etc/passwd""#);
        let kinds = [ArgKind::BufIn, ArgKind::Size];
        check(&mut bytes, &kinds, [1, 4, 0], Ok(0), r#""/etc""#);
        // What is read is known when the call is over, and nothing is when it failed.
        let kinds = [ArgKind::BufOut, ArgKind::Size];
        check(&mut bytes, &kinds, [1, 12, 0], Ok(4), r#""/etc""#);
        check(&mut bytes, &kinds, [1, 12, 0], Err(usermem_types::Errno::EIO), "0x1");
    }

    #[test]
    fn masks_of_nodes() {
        let mut bytes = [0xff; 24];
        let kinds = [ArgKind::NodeMaskIn, ArgKind::Size];
        for (addr, max, text) in [
            (8, 65, "[0xffffffffffffffff]"),
            (8, 66, "[0xffffffffffffffff, ...]"),
            (8, 3, "[0x3]"),
            // No nodes, and a mask that cannot be read.
            (8, 1, "0x8"),
            (8, 0, "0x8"),
            (17, 65, "0x11"),
            (0, 65, "NULL"),
        ] {
            check(&mut bytes, &kinds, [addr, max, 0], Ok(0), text);
        }
    }

    #[test]
    fn structures() {
        let mut iovecs = [[48u64, 5], [53, 2], [0, 0]].as_flattened().to_vec();
        iovecs.push(u64::from_ne_bytes(*b"hello, \0"));
        let mut bytes: Vec<u8> = iovecs.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let whole = r#"[{iov_base="hello", iov_len=5}, {iov_base=", ", iov_len=2}]"#;
        check(&mut bytes, &[ArgKind::IovecIn], [0x0, 2, 0], Ok(0), "NULL");
        bytes.splice(0..0, [0; 16]);
        for (index, base) in [(16, 64u64), (32, 69)] {
            bytes[index..index + 8].copy_from_slice(&base.to_ne_bytes());
        }
        check(&mut bytes, &[ArgKind::IovecIn], [16, 2, 0], Ok(0), whole);
        let filled = r#"[{iov_base="hel", iov_len=5}, {iov_base=0x45, iov_len=2}]"#;
        check(&mut bytes, &[ArgKind::IovecOut], [16, 2, 0], Ok(3), filled);

        let mut time: Vec<u8> = [0, 2u64, 5].iter().flat_map(|word| word.to_ne_bytes()).collect();
        check(&mut time, &[ArgKind::TimespecIn], [8, 0, 0], Ok(0), "{tv_sec=2, tv_nsec=5}");

        let mut polls = [[0; 8], [3, 0, 0, 0, 5, 0, 1, 0]].concat();
        let shown = "[{fd=3, events=POLLIN|POLLOUT, revents=POLLIN}]";
        check(&mut polls, &[ArgKind::PollFds], [8, 1, 0], Ok(1), shown);
    }
}
