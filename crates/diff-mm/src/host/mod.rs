//! The kernel below us: each script runs in a process of its own that makes the calls for real.

mod calls;
mod child;
mod guard;
mod log;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, Mode, OFlags};

use self::child::{Child, Descriptors};
use self::log::SharedLog;
use crate::files::{COPY_MAX, FILES, pattern};
use crate::op::Op;
use crate::outcome::{Ending, add_line, clip};
use crate::script::{Script, Step};
use crate::window::HEAP;
use crate::{Observation, Outcome};

/// The oldest kernel to compare with: before it, `mremap` unmapped its target first.
const OLDEST: (u32, u32) = (6, 17);

/// The host's kernel.
#[derive(Debug)]
pub struct Host {
    log: SharedLog,
    source: OwnedFd,
    buffer: Vec<u8>,
    lacks: Vec<Op>,
}

impl Host {
    /// Prepares to run scripts.
    ///
    /// # Errors
    /// `Unsupported` when the kernel is older than the one that the memory manager follows;
    /// others when the host has no memory for what it sees.
    pub fn new() -> io::Result<Self> {
        if release() < OLDEST {
            let message = format!("the kernel is older than {}.{}", OLDEST.0, OLDEST.1);
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        let source = memfd("source", &pattern(COPY_MAX, 5))?;
        let buffer = vec![0; COPY_MAX as usize];
        let mut host = Self { log: SharedLog::new()?, source, buffer, lacks: Vec::new() };
        let probe = [Step::new(Op::Memlock, &[u64::MAX]), Step::new(Op::Brk, &[HEAP])];
        for (step, seen) in probe.iter().zip(host.run(&Script(probe.to_vec()))?) {
            if seen.outcome == Outcome::Skipped {
                host.lacks.push(step.op);
            }
        }
        if host.lacks.contains(&Op::Memlock) {
            // Without privileges there is always a limit.
            host.lacks.push(Op::Mlockall);
        }
        Ok(host)
    }

    /// Returns how many bytes scripts may lock at first.
    #[must_use]
    pub fn memlock(&self) -> u64 {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
        let is_limited = self.lacks.contains(&Op::Memlock);
        limit.filter(|_| is_limited).unwrap_or(u64::MAX)
    }

    /// Leaves out the steps that this process lacks the privileges for.
    pub fn leave_out_what_it_lacks(&self, script: &mut Script) {
        script.0.retain(|step| !self.lacks.contains(&step.op));
    }

    /// Runs a script and returns what was seen after each step.
    ///
    /// # Errors
    /// When the process that ran it came to a bad end.
    pub fn run(&mut self, script: &Script) -> io::Result<Vec<Observation>> {
        let [a, b] =
            [0, 1].map(|index| memfd(FILES[index].name, &pattern(FILES[index].bytes, index * 4)));
        let (a, b, sink) = (a?, b?, memfd("sink", &[])?);
        let path = format!("/proc/self/fd/{}", a.as_raw_fd());
        let a_readonly = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let (asleep, waker) = rustix::pipe::pipe()?;
        let fds = Descriptors {
            files: [a.as_raw_fd(), b.as_raw_fd(), a_readonly.as_raw_fd()],
            source: self.source.as_raw_fd(),
            sink: sink.as_raw_fd(),
            asleep: asleep.as_raw_fd(),
            waker: waker.as_raw_fd(),
        };
        self.log.clear();
        match calls::fork() {
            0 => {
                let _end = EndOfProcess;
                Child::prepare(&self.log, fds, &mut self.buffer).run(&script.0)
            }
            child @ 1.. => {
                let status = calls::wait(child);
                let observations = parse(&self.log.text());
                if status != 0 {
                    let at = observations.len();
                    return Err(io::Error::other(format!(
                        "the process of the script ended with status {status:#x} in step {at}"
                    )));
                }
                Ok(observations)
            }
            errno => Err(io::Error::from_raw_os_error(-errno as i32)),
        }
    }
}

/// Makes a file of memory on the host.
fn memfd(name: &str, contents: &[u8]) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?;
    let mut rest = contents;
    let mut offset = 0;
    while !rest.is_empty() {
        let written = rustix::io::pwrite(&fd, rest, offset)?;
        rest = &rest[written..];
        offset += written as u64;
    }
    Ok(fd)
}

/// Ends the process when it is dropped: a child that panics must not go on as its parent.
struct EndOfProcess;

impl Drop for EndOfProcess {
    fn drop(&mut self) {
        calls::exit(101);
    }
}

fn release() -> (u32, u32) {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map_while(|word| word.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn parse(text: &str) -> Vec<Observation> {
    let mut observations: Vec<Observation> = Vec::new();
    for line in text.lines() {
        if let Some(outcome) = line.strip_prefix('=') {
            observations.push(Observation::new(parse_outcome(outcome)));
            continue;
        }
        if observations.is_empty() {
            observations.push(Observation::new(Outcome::Skipped));
        }
        let Some(last) = observations.last_mut() else { continue };
        if let Some(present) = line.strip_prefix("present ") {
            let of = last.endings.last_mut().map(|ending| &mut ending.present);
            *of.unwrap_or(&mut last.present) = present.bytes().map(|page| page == b'1').collect();
            continue;
        }
        if line == "ending" {
            last.endings.push(Ending::default());
            continue;
        }
        let page = line
            .split_once(' ')
            .and_then(|(page, outcome)| Some((page.parse().ok()?, parse_outcome(outcome))));
        match (page, last.endings.last_mut()) {
            (Some(page), Some(ending)) => ending.pages.push(page),
            (_, Some(ending)) => add_line(&mut ending.maps, line),
            (_, None) => add_line(&mut last.maps, line),
        }
    }
    for observation in &mut observations {
        let endings = observation.endings.iter_mut().map(|ending| &mut ending.maps);
        endings.chain([&mut observation.maps]).for_each(clip);
    }
    observations
}

fn parse_outcome(text: &str) -> Outcome {
    let mut words = text.split(' ');
    let kind = words.next();
    let mut number = || words.next().and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
    match kind {
        Some("value") => Outcome::Value(number()),
        Some("signal") => Outcome::Signal {
            signal: number() as i32,
            code: number() as i32,
            addr: number().cast_unsigned(),
        },
        _ => Outcome::Skipped,
    }
}
