//! Reading and writing: offsets, ends, exact counts.

use std::fs;
use std::os::unix::fs::FileExt;

use hostfs::{FileKind, PollSet, StatusFlags, Whence};
use usermem_io::IoCause;
use usermem_types::{Errno, Fault, FaultKind, Partial};

use crate::support::{Fixture, Holey, read, read_at, unlimited, write};

const UNMAPPED: u64 = 0x10_0000;

fn fixture() -> Fixture {
    Fixture::new(&["/"], |dir| fs::write(dir.join("file"), "0123456789").unwrap())
}

fn stream<T>(errno: Errno) -> Result<T, IoCause> {
    Err(IoCause::Stream(errno))
}

#[test]
fn reads_advance_the_offset_and_end() {
    let fixture = fixture();
    let file = fixture.open("file", libc::O_RDONLY).unwrap();
    assert_eq!(read(file.as_ref(), 4), Ok(b"0123".to_vec()));
    assert_eq!(read_at(file.as_ref(), 4, 8), Ok(b"89".to_vec()));
    assert_eq!(read(file.as_ref(), 9), Ok(b"456789".to_vec()));
    assert_eq!(read(file.as_ref(), 9), Ok(Vec::new()));
    assert_eq!(read(file.as_ref(), 0), Ok(Vec::new()));
    assert_eq!(file.seek(-3, Whence::End), Ok(7));
    assert_eq!(file.seek(1, Whence::Current), Ok(8));
    assert_eq!(file.seek(-9, Whence::Current), Err(Errno::EINVAL));
    assert_eq!(file.seek(-1, Whence::Start), Err(Errno::EINVAL));
    assert_eq!(file.seek(0, Whence::Hole), Ok(10));
    assert_eq!(file.seek(10, Whence::Data), Err(Errno::ENXIO));
    assert_eq!(read_at(file.as_ref(), 1, u64::MAX), stream(Errno::EINVAL));
    // Opened twice, two offsets.
    assert_eq!(read(fixture.open("file", 0).unwrap().as_ref(), 1), Ok(b"0".to_vec()));
}

#[test]
fn appending_ignores_the_offset() {
    let fixture = fixture();
    let file = fixture.open("file", libc::O_WRONLY | libc::O_APPEND).unwrap();
    assert_eq!(write(file.as_ref(), b"ab"), Ok(2));
    assert_eq!(fs::read(fixture.host("file")).unwrap(), b"0123456789ab");
    assert!(file.status_flags().contains(StatusFlags::APPEND | StatusFlags::WRITE_ONLY));
    file.set_status_flags(StatusFlags::empty()).unwrap();
    assert!(!file.status_flags().contains(StatusFlags::APPEND));
    file.seek(0, Whence::Start).unwrap();
    assert_eq!(write(file.as_ref(), b"X"), Ok(1));
    assert_eq!(fs::read(fixture.host("file")).unwrap(), b"X123456789ab");
    assert_eq!(read(file.as_ref(), 1), stream(Errno::EBADF));
}

#[test]
fn directories_are_not_read() {
    let fixture = fixture();
    let directory = fixture.open("/", libc::O_RDONLY).unwrap();
    assert_eq!(read(directory.as_ref(), 1), stream(Errno::EISDIR));
    assert_eq!(write(directory.as_ref(), b"x"), stream(Errno::EBADF));
}

#[test]
fn pitfall_26_a_write_stops_at_the_bad_page_with_the_exact_count() {
    let fixture = fixture();
    let file = fixture.open("new", libc::O_CREAT | libc::O_WRONLY).unwrap();
    let memory = Holey::new(b"hello");
    let fault = |done, addr| {
        let addr = usermem_types::Addr::new(addr);
        Err(Partial::new(done, IoCause::Fault(Fault::new(FaultKind::Unmapped, addr))))
    };
    assert_eq!(memory.sequence(&[(4, 8)], |src| file.write(src)), fault(1, 5));
    assert_eq!(
        memory.sequence(&[(0, 2), (UNMAPPED, 0), (1, 2), (UNMAPPED, 3), (0, 5)], |s| file.write(s)),
        fault(4, UNMAPPED)
    );
    assert_eq!(fs::read(fixture.host("new")).unwrap(), b"oheel");
    assert_eq!(file.seek(0, Whence::Current), Ok(5));
    assert_eq!(memory.sequence(&[(UNMAPPED, 3)], |src| file.write(src)), fault(0, UNMAPPED));
    assert_eq!(file.seek(0, Whence::Current), Ok(5));
}

#[test]
fn pitfall_26_readv_stops_before_the_bad_second_base() {
    let fixture = fixture();
    let file = fixture.open("file", libc::O_RDONLY).unwrap();
    let memory = Holey::new(&[0; 8]);
    let ranges = [(0, 3), (UNMAPPED, 4), (4, 2)];
    let result = memory.sequence(&ranges, |dst| file.read(dst));
    assert_eq!(result.map_err(|partial| partial.done), Err(3));
    assert_eq!(memory.memory(), b"012\0\0\0\0\0");
    // What did not arrive was not consumed.
    assert_eq!(read(file.as_ref(), 1), Ok(b"3".to_vec()));
}

#[test]
fn pitfall_17_a_short_read_leaves_no_hole() {
    let fixture = fixture();
    let (reader, writer) = hostfs::pipe(0).unwrap();
    assert_eq!(write(writer.as_ref(), b"abc"), Ok(3));
    let memory = Holey::new(&[b'.'; 8]);
    assert_eq!(memory.sequence(&[(0, 2), (4, 4)], |dst| reader.read(dst)), Ok(3));
    assert_eq!(memory.memory(), b"ab..c...");
    let file = fixture.open("file", libc::O_RDONLY).unwrap();
    let memory = Holey::new(&[b'.'; 16]);
    assert_eq!(memory.sequence(&[(0, 4), (5, 4), (10, 6)], |dst| file.read(dst)), Ok(10));
    assert_eq!(memory.memory(), b"0123.4567.89....");
}

#[test]
fn more_blocks_than_one_call_takes_move_at_once() {
    let fixture = fixture();
    let file = fixture.open("many", libc::O_CREAT | libc::O_RDWR).unwrap();
    let bytes: Vec<u8> = (0..6000u32).map(|n| (n % 251) as u8).collect();
    let ranges: Vec<(u64, u64)> = (0..3000).map(|n| (2 * n, 2)).collect();
    assert_eq!(Holey::new(&bytes).sequence(&ranges, |src| file.write(src)), Ok(6000));
    assert_eq!(fs::read(fixture.host("many")).unwrap(), bytes);
    let memory = Holey::new(&[0; 6000]);
    assert_eq!(memory.sequence(&ranges, |dst| file.read_at(dst, 1)), Ok(5999));
    assert_eq!(memory.memory()[..5999], bytes[1..]);
}

#[test]
fn the_file_answers_before_memory_that_is_not_there() {
    let fixture = fixture();
    let memory = Holey::new(&[]);
    let at_end = fixture.open("file", libc::O_RDWR).unwrap();
    at_end.seek(0, Whence::End).unwrap();
    let result = memory.sequence(&[(UNMAPPED, 8)], |dst| at_end.read(dst));
    assert_eq!(result, Ok(0));
    at_end.seek(0, Whence::Start).unwrap();
    let result = memory.sequence(&[(UNMAPPED, 8)], |dst| at_end.read(dst));
    assert!(matches!(result, Err(Partial { done: 0, cause: IoCause::Fault(_) })));
    assert_eq!(at_end.seek(0, Whence::Current), Ok(0));

    let null = fixture.open("/dev/null", libc::O_RDWR).unwrap();
    assert_eq!(memory.sequence(&[(UNMAPPED, 1 << 20)], |src| null.write(src)), Ok(1 << 20));
    assert_eq!(memory.sequence(&[(UNMAPPED, 8)], |dst| null.read(dst)), Ok(0));

    let (reader, writer) = hostfs::pipe(libc::O_NONBLOCK as u32).unwrap();
    let empty = memory.sequence(&[(UNMAPPED, 8)], |dst| reader.read(dst));
    assert_eq!(empty, Err(Partial::new(0, IoCause::Stream(Errno::EAGAIN))));
    drop(reader);
    let broken = memory.sequence(&[(UNMAPPED, 8)], |src| writer.write(src));
    assert_eq!(broken, Err(Partial::new(0, IoCause::Stream(Errno::EPIPE))));
}

#[test]
fn pipes_end_break_and_do_not_seek() {
    let (reader, writer) = hostfs::pipe(libc::O_NONBLOCK as u32).unwrap();
    assert_eq!(reader.kind(), FileKind::Pipe);
    assert_eq!(read(reader.as_ref(), 1), stream(Errno::EAGAIN));
    assert_eq!(reader.poll(PollSet::IN), PollSet::empty());
    assert_eq!(write(writer.as_ref(), b"abc"), Ok(3));
    assert_eq!(reader.poll(PollSet::IN | PollSet::OUT), PollSet::IN);
    let mut count = [0; 4];
    assert_eq!(reader.ioctl(libc::FIONREAD as u32, &mut count), Ok(0));
    assert_eq!(u32::from_ne_bytes(count), 3);
    let mut termios = [0; 36];
    assert_eq!(reader.ioctl(libc::TCGETS as u32, &mut termios), Err(Errno::ENOTTY));
    assert_eq!(reader.ioctl(libc::FIONREAD as u32, &mut [0; 3]), Err(Errno::EINVAL));
    assert_eq!(reader.seek(0, Whence::Current), Err(Errno::ESPIPE));
    assert_eq!(read_at(reader.as_ref(), 1, 0), stream(Errno::ESPIPE));
    assert_eq!(write(reader.as_ref(), b"x"), stream(Errno::EBADF));
    assert!(reader.path().starts_with(b"pipe:["));
    assert_eq!(reader.mapped_object().err(), Some(Errno::ENODEV));
    assert_eq!(read(reader.as_ref(), 9), Ok(b"abc".to_vec()));
    drop(writer);
    assert_eq!(read(reader.as_ref(), 9), Ok(Vec::new()));
    assert_eq!(reader.poll(PollSet::IN), PollSet::HUP);
    let (reader, writer) = hostfs::pipe(0).unwrap();
    drop(reader);
    assert_eq!(write(writer.as_ref(), b"x"), stream(Errno::EPIPE));
    assert_eq!(hostfs::pipe(libc::O_APPEND as u32).err(), Some(Errno::EINVAL));
}

/// Memory without a limit.
#[test]
fn anonymous_files_are_what_they_are() {
    let file = hostfs::memfd(b"name", 0, unlimited()).unwrap();
    assert_eq!(file.kind(), FileKind::Regular);
    assert_eq!(write(file.as_ref(), b"abc"), Ok(3));
    assert_eq!(read_at(file.as_ref(), 9, 1), Ok(b"bc".to_vec()));
    assert_eq!(file.path(), b"/memfd:name (deleted)");
    assert_eq!(hostfs::memfd(b"name", 0x8000, unlimited()).err(), Some(Errno::EINVAL));
    let counter = hostfs::eventfd(3, libc::EFD_NONBLOCK as u32).unwrap();
    assert_eq!(read(counter.as_ref(), 8), Ok(3u64.to_ne_bytes().to_vec()));
    assert_eq!(read(counter.as_ref(), 8), stream(Errno::EAGAIN));
    assert_eq!(counter.path(), b"anon_inode:[eventfd]");
}

#[test]
fn allocating_and_punching_are_the_host_s() {
    let fixture = fixture();
    let file = fixture.open("file", libc::O_RDWR).unwrap();
    file.allocate(0, 0, 100).unwrap();
    assert_eq!(file.stat().unwrap().size, 100);
    let read_only = fixture.open("file", libc::O_RDONLY).unwrap();
    assert_eq!(read_only.allocate(0, 0, 100), Err(Errno::EBADF));
    assert_eq!(read_only.sync(true), Ok(()));
    let mut byte = [0];
    fs::File::open(fixture.host("file")).unwrap().read_exact_at(&mut byte, 99).unwrap();
    assert_eq!(byte, [0]);
}
