//! Random scripts, run here and by the host's kernel.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rangeset::KeyRange;
use usermem_io::Io;
use usermem_types::{AccessType, Addr, Errno};

use super::rig::{CHECKED, Rig};
use crate::range::PAGE;
use crate::vma::{Vma, VmaFlags};
use crate::{MmapFlags, MmapRequest};

const WINDOW: u64 = 0x20_0000_0000;
const PAGES: u64 = 1024;
const SCRIPTS: u64 = 200;
const STEPS: u64 = 40;

/// One call: its name and arguments, addresses included.
type Call = (&'static str, Vec<u64>);

/// The host, as a child that makes the calls for real.
struct Host {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Host {
    fn start() -> Option<(Self, String)> {
        let mut child = Command::new("python3")
            .args(["-c", include_str!("oracle.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let stdin = child.stdin.take()?;
        let stdout = BufReader::new(child.stdout.take()?);
        let mut host = Self { child, stdin, stdout };
        let release = host.line();
        (!release.is_empty()).then_some((host, release))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    fn send(&mut self, call: &Call) {
        let args: Vec<String> = call.1.iter().map(u64::to_string).collect();
        writeln!(self.stdin, "{} {}", call.0, args.join(" ")).unwrap();
    }

    fn call(&mut self, call: &Call) -> i64 {
        self.send(call);
        self.line().parse().unwrap()
    }

    fn maps(&mut self) -> Vec<String> {
        self.send(&("maps", vec![]));
        std::iter::from_fn(|| Some(self.line()).filter(|line| line != "end")).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a script one call a line, addresses as pages of the window.
fn describe(script: &[Call]) -> String {
    let argument = |arg: &u64| match arg.checked_sub(WINDOW) {
        Some(offset) if offset < PAGES * PAGE => {
            format!("page {}+{}", offset / PAGE, offset % PAGE)
        }
        _ if *arg >= PAGE => format!("{} pages+{}", arg / PAGE, arg % PAGE),
        _ => format!("{arg:#x}"),
    };
    let line = |(name, args): &Call| {
        format!("\n  {name}({})", args.iter().map(argument).collect::<Vec<_>>().join(", "))
    };
    script.iter().map(line).collect()
}

fn result<T>(result: Result<T, Errno>) -> i64 {
    result.map_or_else(|errno| -i64::from(errno.raw()), |_| 0)
}

/// Runs a call here.
fn run(rig: &Rig, (name, args): &Call) -> i64 {
    let mm = &rig.mm;
    let arg = |index: usize| args[index];
    let addr = Addr::new(arg(0));
    let small = |index: usize| u32::try_from(arg(index)).unwrap();
    match *name {
        "mmap" => result(mm.mmap(MmapRequest {
            flags: MmapFlags::from_bits_retain(small(3)),
            ..MmapRequest::anonymous(
                addr,
                arg(1),
                AccessType::from_prot(small(2)),
                MmapFlags::empty(),
            )
        })),
        "munmap" => result(mm.munmap(addr, arg(1))),
        "mprotect" => result(mm.mprotect(addr, arg(1), small(2))),
        "mremap" => result(mm.mremap(addr, arg(1), arg(2), small(3), Addr::new(arg(4)))),
        "madvise" => result(mm.madvise(addr, arg(1), i32::try_from(arg(2)).unwrap())),
        "mlock" => result(mm.mlock(addr, arg(1), 0)),
        "munlock" => result(mm.munlock(addr, arg(1))),
        "msync" => result(mm.msync(addr, arg(1), small(2))),
        "mincore" => match mm.mincore(addr, arg(1)) {
            Ok(mut pieces) => result(pieces.find_map(Result::err).map_or(Ok(()), Err)),
            Err(errno) => result::<()>(Err(errno)),
        },
        "load" => rig.peek(addr).map_or(-14, i64::from),
        "store" => {
            let byte = u8::try_from(arg(1)).unwrap();
            mm.copy_out(addr, &[byte], CHECKED).map_or(-14, |_| 0)
        }
        _ => unreachable!("{name}"),
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % bound
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn page(&mut self) -> u64 {
        let far = self.of(&[0, 0, 0, 0, 0, 0, 0, 0, 300, 500]);
        WINDOW + (far + self.below(14)) * PAGE + u64::from(self.below(30) == 0)
    }

    fn len(&mut self) -> u64 {
        let odd = self.of(&[0, 0, 0, 1]);
        let pages = self.of(&[0, 1, 1, 2, 2, 3, 4, 8, 300]);
        pages * PAGE + odd
    }

    fn call(&mut self, remap_anywhere: bool) -> Call {
        let prots = [0u64, 1, 3, 3, 3, 5, 7, 2, 4];
        match self.below(22) {
            0..5 => {
                let fixed = self.of(&[0x10, 0x10, 0x10, 0x10_0000]);
                let kind = self.of(&[2, 2, 2, 1, 0x102, 0x101, 3, 0x2_0002, 0x4002]);
                ("mmap", vec![self.page(), self.len(), self.of(&prots), 0x20 | fixed | kind])
            }
            5..7 => ("munmap", vec![self.page(), self.len()]),
            7..11 => {
                let grows = self.of(&[0, 0, 0, 0, 0x100_0000, 8, 16]);
                ("mprotect", vec![self.page(), self.len(), self.of(&prots) | grows])
            }
            11..13 => {
                let flags = if remap_anywhere { self.of(&[0, 0, 3, 3, 3, 7, 2, 8]) } else { 0 };
                let (old, new) = (self.len(), self.len());
                let new = if flags == 7 || self.below(2) == 0 { old } else { new };
                ("mremap", vec![self.page(), old, new, flags, self.page()])
            }
            13..15 => {
                // Not MADV_FREE: when its pages go is up to the host.
                let advice = [0, 1, 2, 3, 4, 4, 4, 10, 11, 18, 19, 20, 22, 23, 24, 99];
                ("madvise", vec![self.page(), self.len(), self.of(&advice)])
            }
            15 => (self.of(&["mlock", "munlock"]), vec![self.page(), self.len()]),
            16 => {
                let flags = self.of(&[0, 1, 2, 4, 5, 6]);
                ("msync", vec![self.page(), self.len(), flags])
            }
            17 => ("mincore", vec![self.page(), self.len()]),
            18 => ("load", vec![self.page()]),
            _ => ("store", vec![self.page(), 1 + self.below(250)]),
        }
    }
}

/// A mapping: its ends, protections, and what it is of.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    start: u64,
    end: u64,
    perms: String,
    offset: u64,
    inode: String,
}

fn parse(line: &str) -> Line {
    let words: Vec<&str> = line.split_whitespace().collect();
    let hex = |word: &str| u64::from_str_radix(word, 16).unwrap();
    let (start, end) = words[0].split_once('-').unwrap();
    Line {
        start: hex(start),
        end: hex(end),
        perms: words[1].to_owned(),
        offset: hex(words[2]),
        inode: words[4].to_owned(),
    }
}

/// Joins lines that differ in nothing that a program can tell, and forgets which object it is.
fn coalesce(lines: &[Line]) -> Vec<(u64, u64, String)> {
    let mut joined: Vec<Line> = Vec::new();
    for line in lines {
        match joined.last_mut() {
            Some(last)
                if last.end == line.start
                    && last.perms == line.perms
                    && last.inode == line.inode
                    && (line.inode == "0"
                        || last.offset + (last.end - last.start) == line.offset) =>
            {
                last.end = line.end;
            }
            _ => joined.push(line.clone()),
        }
    }
    joined.into_iter().map(|line| (line.start, line.end, line.perms)).collect()
}

fn our_maps(rig: &Rig) -> Vec<Line> {
    let text = String::from_utf8(rig.mm.maps_text()).unwrap();
    let window = WINDOW..WINDOW + PAGES * PAGE;
    text.lines().map(parse).filter(|line| window.contains(&line.start)).collect()
}

/// Returns whether what meets at an address differs in being counted as committed: a page that
/// was only read was never written to the host, which then stops counting it when it becomes
/// read-only.
fn is_account_cut(rig: &Rig, addr: u64) -> bool {
    let mapping = rig.mm.mapping.read();
    let flags = |vma: Option<(KeyRange, &Vma)>| vma.map(|(_, vma)| vma.flags & VmaFlags::ACCOUNT);
    flags(mapping.vmas.before(addr)) != flags(mapping.vmas.get(addr))
}

#[test]
fn scripts_end_as_on_the_host() {
    let Some((mut host, release)) = Host::start() else {
        eprintln!("skipped: python3 is not there to make the calls");
        return;
    };
    let version: Vec<u32> =
        release.split(['.', '-']).map_while(|word| word.parse().ok()).take(2).collect();
    // Before 6.17 a move to a fixed place unmapped the target before it looked at the source.
    let remap_anywhere = version.as_slice() >= [6, 17].as_slice();
    for seed in 1..=SCRIPTS {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let rig = Rig::new();
        host.send(&("reset", vec![]));
        let mut script = Vec::new();
        let mut host_lines: Vec<Line> = Vec::new();
        for _ in 0..STEPS {
            let call = random.call(remap_anywhere);
            script.push(call.clone());
            let (ours, theirs) = (run(&rig, &call), host.call(&call));
            let cuts = host_lines.len() > coalesce(&host_lines).len();
            let grows = call.0 == "mprotect" && call.1[2] & 0x100_0000 != 0;
            let moves = call.0 == "mremap" && theirs == -14 && ours != theirs;
            if cuts && (grows || moves) {
                // It keeps apart what we joined, and these calls are about single mappings.
                break;
            }
            assert_eq!(
                ours,
                theirs,
                "seed {seed}, ours and the host's; after {}",
                describe(&script)
            );
            rig.check();
            host_lines = host.maps().iter().map(|line| parse(line)).collect();
            let lines = our_maps(&rig);
            assert_eq!(
                coalesce(&lines),
                coalesce(&host_lines),
                "seed {seed}, ours and the host's; after {}",
                describe(&script)
            );
            for line in &lines {
                // The host may keep apart what was written apart; we do on our own only what is
                // counted and what is not.
                assert!(
                    host_lines.iter().any(|theirs| theirs.start == line.start)
                        || is_account_cut(&rig, line.start),
                    "seed {seed}: cut at {:#x}; after {}",
                    line.start,
                    describe(&script)
                );
            }
        }
        let same = coalesce(&our_maps(&rig)) == coalesce(&host_lines);
        for line in our_maps(&rig).into_iter().filter(|_| same) {
            for addr in (line.start..line.end).step_by(PAGE as usize) {
                let call = ("load", vec![addr]);
                assert_eq!(
                    run(&rig, &call),
                    host.call(&call),
                    "seed {seed}: contents at {addr:#x}; after {}",
                    describe(&script)
                );
            }
        }
        rig.check();
    }
}
