//! Segments: who counts as attached, what is charged, who may, and how it is told.

use std::sync::Arc;

use kernel_task::{Credentials, IpcCaller, ShmRegistry, ShmStat, ShmStatName};
use memfile::{MemoryFile, MemoryFileOptions};
use mm::MemoryManager;
use platform::null::NullAddressSpace;
use usermem_io::{Io, IoOpts};
use usermem_types::{Addr, Errno};

const PAGE: u64 = 4096;
const CREATE: u32 = 0o1000;
const READ_ONLY: u32 = 0o10000;
const REPLACE: u32 = 0o40000;
const MAYMOVE_FIXED: u32 = 3;

fn page(index: u64) -> Addr {
    Addr::new(0x1000_0000 + index * PAGE)
}

fn someone(euid: u32) -> Credentials {
    Credentials { uid: euid, euid, suid: euid, gid: 1, egid: 1, sgid: 1, groups: Vec::new() }
}

fn caller(credentials: &Credentials) -> IpcCaller<'_> {
    IpcCaller {
        pid: 7,
        credentials,
        memlock: 2 * PAGE,
        ignores_permissions: false,
        is_administrator: false,
        locks_freely: false,
    }
}

struct Rig {
    memory: Arc<MemoryFile>,
    shm: Arc<ShmRegistry>,
    me: Credentials,
}

impl Rig {
    fn new(limit: Option<u64>) -> Self {
        let options =
            MemoryFileOptions { limit, reservation: 1 << 30, ..MemoryFileOptions::default() };
        let memory = MemoryFile::new(options).unwrap();
        let shm = ShmRegistry::new(Arc::clone(&memory));
        Self { memory, shm, me: someone(10) }
    }

    fn program(&self) -> Arc<MemoryManager> {
        MemoryManager::new(Arc::new(NullAddressSpace::new()), Arc::clone(&self.memory))
    }

    fn caller(&self) -> IpcCaller<'_> {
        caller(&self.me)
    }

    #[track_caller]
    fn segment(&self, pages: u64) -> i32 {
        self.shm.get(self.caller(), 0, pages * PAGE, 0o600).unwrap()
    }

    #[track_caller]
    fn attach(&self, mm: &MemoryManager, id: i32, index: u64) {
        let at = self.shm.attach(self.caller(), mm, id, page(index), REPLACE);
        assert_eq!(at, Ok(page(index)));
    }

    fn stat(&self, id: i32) -> Result<ShmStat, Errno> {
        self.shm.stat(self.caller(), ShmStatName::Id(id))
    }

    fn attached(&self, id: i32) -> u64 {
        self.stat(id).unwrap().nattch
    }
}

fn fork(mm: &MemoryManager) -> Arc<MemoryManager> {
    mm.fork(Arc::new(NullAddressSpace::new())).unwrap()
}

#[test]
fn every_mapping_counts_until_it_is_gone() {
    let rig = Rig::new(None);
    let id = rig.segment(4);
    let mm = rig.program();
    assert_eq!(rig.attached(id), 0);
    rig.attach(&mm, id, 0);
    rig.attach(&mm, id, 8);
    assert_eq!(rig.attached(id), 2);
    mm.mprotect(page(1), PAGE, 1).unwrap();
    assert_eq!(rig.attached(id), 4, "cut into three");
    let child = fork(&mm);
    assert_eq!(rig.attached(id), 8);
    mm.munmap(page(9), PAGE).unwrap();
    assert_eq!(rig.attached(id), 9, "a hole makes two of one");
    child.mremap(page(8), 4 * PAGE, 4 * PAGE, MAYMOVE_FIXED, page(20)).unwrap();
    assert_eq!(rig.attached(id), 9, "moved");
    child.mremap(page(20), 0, 4 * PAGE, MAYMOVE_FIXED, page(30)).unwrap();
    assert_eq!(rig.attached(id), 10, "mapped again");
    rig.shm.detach(7, &mm, page(0)).unwrap();
    assert_eq!(rig.attached(id), 7);
    drop(child);
    assert_eq!(rig.attached(id), 2);
    drop(mm);
    assert_eq!(rig.attached(id), 0);
    rig.shm.remove(rig.caller(), id).unwrap();
    assert_eq!(rig.stat(id), Err(Errno::EINVAL));
}

/// A segment is charged from the call that makes it until it is removed and nobody maps it,
/// however that comes about.
#[test]
fn a_segment_is_charged_while_anyone_can_reach_it() {
    let rig = Rig::new(Some(10 * PAGE));
    let full = |rig: &Rig| rig.shm.get(rig.caller(), 0, PAGE, 0o600).err();
    let id = rig.shm.get(rig.caller(), 5, 9 * PAGE + 1, CREATE | 0o600).unwrap();
    assert_eq!((rig.memory.charged_bytes(), full(&rig)), (10 * PAGE, Some(Errno::ENOMEM)));
    let mm = rig.program();
    rig.attach(&mm, id, 0);
    let child = fork(&mm);
    assert_eq!(rig.memory.charged_bytes(), 10 * PAGE, "mapping it costs nothing");
    mm.copy_out(page(3), b"shared", IoOpts::CHECKED).unwrap();
    rig.shm.remove(rig.caller(), id).unwrap();
    assert_eq!(rig.stat(id).map(|stat| (stat.key, stat.mode, stat.nattch)), Ok((0, 0o1600, 2)));
    assert_eq!(rig.shm.get(rig.caller(), 5, 0, 0), Err(Errno::ENOENT));
    assert_eq!(full(&rig), Some(Errno::ENOMEM));
    mm.munmap(page(0), 10 * PAGE).unwrap();
    assert_eq!((rig.attached(id), full(&rig)), (1, Some(Errno::ENOMEM)));
    // By its id it can still be had.
    rig.attach(&mm, id, 20);
    let mut bytes = [0; 6];
    mm.copy_in(page(23), &mut bytes, IoOpts::CHECKED).unwrap();
    assert_eq!(&bytes, b"shared");
    drop(mm);
    drop(child);
    assert_eq!((rig.stat(id), rig.memory.charged_bytes()), (Err(Errno::EINVAL), 0));
    assert_eq!(rig.memory.allocated_bytes(), 0);
    assert_eq!(full(&rig), None);
    assert_eq!(rig.memory.charged_bytes(), PAGE);
    drop(rig.shm);
    assert_eq!((rig.memory.charged_bytes(), rig.memory.allocated_bytes()), (0, 0));
}

#[test]
fn a_mapping_outlives_the_namespace() {
    let rig = Rig::new(None);
    let id = rig.segment(1);
    let mm = rig.program();
    rig.attach(&mm, id, 0);
    let Rig { memory, shm, .. } = rig;
    drop(shm);
    mm.copy_out(page(0), b"x", IoOpts::CHECKED).unwrap();
    assert_eq!(memory.charged_bytes(), PAGE);
    mm.detach(page(0)).unwrap();
    assert_eq!(memory.charged_bytes(), 0);
}

#[test]
fn there_are_so_many_segments_and_no_more() {
    let rig = Rig::new(None);
    let ids: Vec<i32> = (0..4096).map(|_| rig.segment(1)).collect();
    assert_eq!(rig.shm.get(rig.caller(), 0, PAGE, 0o600), Err(Errno::ENOSPC));
    assert_eq!(rig.shm.usage().segments, 4096);
    let charged = rig.memory.charged_bytes();
    assert_eq!(charged, 4096 * PAGE, "the one that was refused is given back");
    rig.shm.remove(rig.caller(), ids[17]).unwrap();
    let new = rig.segment(1);
    assert!(!ids.contains(&new));
    assert_eq!(rig.stat(ids[17]), Err(Errno::EINVAL), "an id of before is nobody's");
    for id in ids.into_iter().filter(|id| rig.stat(*id).is_ok()) {
        rig.shm.remove(rig.caller(), id).unwrap();
    }
    assert_eq!((rig.shm.usage().segments, rig.memory.charged_bytes()), (1, PAGE));
}

#[test]
fn there_are_no_huge_pages_for_anyone() {
    const HUGE: u32 = 0o4000;
    let rig = Rig::new(None);
    let me = rig.caller();
    let privileged = IpcCaller { locks_freely: true, ..me };
    let member = Credentials { groups: vec![0], ..someone(10) };
    let get = |caller, log: u32| rig.shm.get(caller, 0, PAGE, HUGE + (log << 26) + 0o600);
    for log in [0, 21, 30] {
        assert_eq!(get(me, log), Err(Errno::EPERM));
        assert_eq!(get(privileged, log), Err(Errno::ENOMEM));
        assert_eq!(get(caller(&member), log), Err(Errno::ENOMEM));
    }
    assert_eq!(get(me, 13), Err(Errno::EINVAL));
    assert_eq!(rig.memory.charged_bytes(), 0);
}

#[test]
fn ids_come_back_late() {
    let rig = Rig::new(None);
    let mut seen = std::collections::HashSet::new();
    for round in 0..1000u64 {
        let id = rig.segment(1);
        assert!(seen.insert(id), "{id} again in round {round}");
        // As Linux numbers them: 64 indices in turn, and a sequence number for each turn.
        assert_eq!(id as u64, ((round / 64) << 15) + round % 64);
        rig.shm.remove(rig.caller(), id).unwrap();
    }
}

#[test]
fn others_may_what_the_permissions_say() {
    let rig = Rig::new(None);
    let mm = rig.program();
    let (me, other) = (rig.caller(), someone(20));
    let other = IpcCaller { pid: 8, ..caller(&other) };
    let admin = IpcCaller { is_administrator: true, ..other };
    let id = rig.shm.get(me, 5, PAGE, CREATE | 0o604).unwrap();
    assert_eq!(rig.shm.get(other, 5, PAGE, 0o600), Err(Errno::EACCES));
    assert_eq!(rig.shm.get(other, 5, PAGE, 0o400), Err(Errno::EACCES), "the group's bits apply");
    let stranger = Credentials { egid: 2, ..someone(20) };
    let stranger = IpcCaller { pid: 9, ..caller(&stranger) };
    assert_eq!(rig.shm.get(stranger, 5, PAGE, 0o400), Ok(id));
    assert_eq!(rig.shm.get(stranger, 5, PAGE, 0o600), Err(Errno::EACCES));
    let attach = |caller, flags| rig.shm.attach(caller, &mm, id, page(0), REPLACE | flags);
    assert_eq!(attach(stranger, 0), Err(Errno::EACCES));
    assert_eq!(attach(stranger, READ_ONLY), Ok(page(0)));
    assert_eq!(attach(other, READ_ONLY), Err(Errno::EACCES));
    assert_eq!(rig.stat(id).map(|stat| (stat.cpid, stat.lpid)), Ok((7, 9)));
    rig.shm.detach(12, &mm, page(0)).unwrap();
    assert_eq!(rig.stat(id).map(|stat| (stat.cpid, stat.lpid)), Ok((7, 12)));

    let stat = |caller, name| rig.shm.stat(caller, name).map(|stat| stat.id);
    assert_eq!(stat(other, ShmStatName::Id(id)), Err(Errno::EACCES));
    assert_eq!(stat(other, ShmStatName::Index(id)), Err(Errno::EACCES));
    assert_eq!(stat(other, ShmStatName::AnyIndex(id)), Ok(id));
    assert_eq!(rig.shm.set(other, id, (20, 1), 0o666), Err(Errno::EPERM));
    assert_eq!(rig.shm.remove(other, id), Err(Errno::EPERM));
    assert_eq!(rig.shm.lock(other, id), Err(Errno::EPERM));
    assert_eq!(rig.shm.unlock(other, id), Err(Errno::EPERM));
    // The creator stays one of the owners.
    rig.shm.set(admin, id, (20, 1), 0o666).unwrap();
    rig.shm.set(other, id, (20, 1), 0o600).unwrap();
    assert_eq!(rig.shm.get(me, 5, PAGE, 0o600), Ok(id));
    rig.shm.remove(me, id).unwrap();
}

#[test]
fn locked_segments_are_limited_together() {
    let rig = Rig::new(None);
    let me = rig.caller();
    let (one, two) = (rig.segment(1), rig.segment(2));
    assert_eq!(rig.shm.lock(IpcCaller { memlock: 0, ..me }, one), Err(Errno::EPERM));
    assert_eq!((rig.shm.lock(me, one), rig.shm.lock(me, one)), (Ok(()), Ok(())));
    assert_eq!(rig.shm.lock(me, two), Err(Errno::ENOMEM));
    rig.shm.lock(IpcCaller { locks_freely: true, ..me }, two).unwrap();
    assert_eq!(rig.stat(two).map(|stat| stat.mode), Ok(0o2600));
    rig.shm.remove(me, two).unwrap();
    rig.shm.unlock(me, one).unwrap();
    let three = rig.segment(2);
    rig.shm.lock(me, three).unwrap();
    assert_eq!(rig.shm.lock(me, one), Err(Errno::ENOMEM));
}

#[test]
fn the_list_is_laid_out_as_linux_does() {
    let rig = Rig::new(None);
    let id = rig.shm.get(rig.caller(), -2, 3 * PAGE + 1, CREATE | 0o640).unwrap();
    let mm = rig.program();
    rig.attach(&mm, id, 0);
    mm.copy_out(page(1), b"x", IoOpts::CHECKED).unwrap();
    mm.copy_out(page(3), b"x", IoOpts::CHECKED).unwrap();
    let stat = rig.stat(id).unwrap();
    let text = String::from_utf8(rig.shm.list_text()).unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    let times = format!("{:10} {:>10} {:10}", stat.atime, 0, stat.ctime);
    assert_eq!(
        lines,
        format!(
            "        -2          0   640                 12289     7     7      1    10     1    10     1 \
             {times}                  8192                     0\n"
        )
    );
    assert_eq!(header.len(), lines.len() - 1);
    let usage = rig.shm.usage();
    assert_eq!((usage.segments, usage.pages, usage.resident_pages), (1, 4, 2));
}

/// Whatever is done to mappings, a segment counts as many as there are lines in the maps.
#[test]
fn what_is_counted_is_what_the_maps_show() {
    let rig = Rig::new(None);
    let mut state = 3u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % bound
    };
    let mut ids: Vec<i32> = (0..3).map(|_| rig.segment(4)).collect();
    let mut programs = vec![rig.program()];
    for step in 0..3000 {
        let mm = Arc::clone(&programs[below(programs.len() as u64) as usize]);
        let (at, len) = (below(24), 1 + below(6));
        let id = ids[below(3) as usize];
        match below(8) {
            0 | 1 => {
                let flags = if below(2) == 0 { REPLACE } else { READ_ONLY };
                let _ = rig.shm.attach(rig.caller(), &mm, id, page(at), flags);
            }
            2 => drop(rig.shm.detach(7, &mm, page(at))),
            3 => drop(mm.munmap(page(at), len * PAGE)),
            4 => drop(mm.mprotect(page(at), len * PAGE, [1, 3][below(2) as usize])),
            5 => {
                let (new_len, to) = (1 + below(6), page(below(24)));
                let _ =
                    mm.mremap(page(at), len * PAGE, new_len * PAGE, [1, 3][below(2) as usize], to);
            }
            6 if programs.len() < 4 => programs.push(fork(&mm)),
            6 => {
                drop(mm);
                drop(programs.swap_remove(below(4) as usize));
            }
            _ if below(10) == 0 => {
                let index = below(3) as usize;
                rig.shm.remove(rig.caller(), ids[index]).unwrap();
                let removed = std::mem::replace(&mut ids[index], rig.segment(4));
                let maps: usize = programs.iter().map(|mm| lines(mm, removed)).sum();
                assert_eq!(rig.stat(removed).is_ok(), maps > 0, "step {step}");
            }
            _ => {}
        }
        for id in &ids {
            let maps: usize = programs.iter().map(|mm| lines(mm, *id)).sum();
            assert_eq!(rig.attached(*id), maps as u64, "segment {id} after step {step}");
        }
    }
    drop(programs);
    assert_eq!(rig.shm.usage().segments, 3);
    assert_eq!(rig.memory.charged_bytes(), 12 * PAGE);
}

/// The lines of a program's maps that show a segment.
fn lines(mm: &MemoryManager, id: i32) -> usize {
    let text = String::from_utf8(mm.maps_text()).unwrap();
    let inode = format!(" 00:01 {id} ");
    text.lines().filter(|line| line.contains(&inode)).count()
}
