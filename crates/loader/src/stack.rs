//! The initial stack of a program.

use mm::MemoryManager;
use usermem_io::{Io, IoOpts};
use usermem_types::{Addr, AddrRange, Errno};

use crate::auxv::{Auxv, key};

/// What goes on the stack.
#[derive(Debug)]
pub(crate) struct StackContents<'a> {
    pub(crate) argv: &'a [Vec<u8>],
    pub(crate) envp: &'a [Vec<u8>],
    pub(crate) executable: &'a [u8],
    pub(crate) random: [u8; 16],
    pub(crate) auxv: Auxv,
}

/// Where things are on the stack.
#[derive(Clone, Debug)]
pub(crate) struct StackLayout {
    pub(crate) pointer: Addr,
    pub(crate) argv: AddrRange,
    pub(crate) envp: AddrRange,
    pub(crate) auxv: Vec<u8>,
}

#[cfg(target_arch = "x86_64")]
const PLATFORM: &[u8] = b"x86_64\0";
#[cfg(not(target_arch = "x86_64"))]
const PLATFORM: &[u8] = b"aarch64\0";

/// Strings as they lie in memory, growing downwards from `end`.
struct Strings {
    /// The bytes, last first.
    reversed: Vec<u8>,
    end: u64,
}

impl Strings {
    /// Puts bytes below those that are there and returns their address.
    fn push(&mut self, bytes: &[u8]) -> u64 {
        self.reversed.extend(bytes.iter().rev());
        self.end.wrapping_sub(self.reversed.len() as u64)
    }

    fn push_string(&mut self, string: &[u8]) -> u64 {
        self.reversed.push(0);
        self.push(string)
    }

    /// Puts strings so that the first has the lowest address; returns their addresses in order.
    fn push_strings(&mut self, strings: &[Vec<u8>]) -> Vec<u64> {
        let mut addresses: Vec<u64> =
            strings.iter().rev().map(|string| self.push_string(string)).collect();
        addresses.reverse();
        addresses
    }

    fn lowest(&self) -> u64 {
        self.end.wrapping_sub(self.reversed.len() as u64)
    }
}

/// How much of the stack arguments and environment may take: a quarter of its limit, at least 128
/// KiB and at most 6 MiB, as `execve(2)` has it.
fn room(memory: &MemoryManager) -> u64 {
    (memory.limits().stack.get() / 4).clamp(128 << 10, 6 << 20)
}

/// Writes the initial stack below `stack.end()`, as the System V ABI and Linux lay it out.
///
/// The stack grows as it is written. Fails with `E2BIG` when the contents are too long.
pub(crate) fn build(
    memory: &MemoryManager,
    stack: AddrRange,
    contents: StackContents<'_>,
) -> Result<StackLayout, Errno> {
    let StackContents { argv, envp, executable, random, mut auxv } = contents;
    let mut strings = Strings { reversed: vec![0; 8], end: stack.end().get() };
    let executable = strings.push_string(executable);
    let env_end = strings.lowest();
    let envp = strings.push_strings(envp);
    let env_start = strings.lowest();
    let argv = strings.push_strings(argv);
    let arg_start = strings.lowest();
    let platform = strings.push(PLATFORM);
    let random = strings.push(&random);
    auxv.push(key::PLATFORM, platform);
    auxv.push(key::RANDOM, random);
    auxv.push(key::EXECFN, executable);

    let auxv_words: Vec<u64> = auxv.words().collect();
    let mut words = vec![argv.len() as u64];
    words.extend(&argv);
    words.push(0);
    words.extend(&envp);
    words.push(0);
    words.extend(&auxv_words);

    let len = (words.len() * 8) as u64;
    let pointer = strings.lowest().checked_sub(len).ok_or(Errno::E2BIG)? & !15;
    if stack.end().get() - pointer > room(memory) {
        return Err(Errno::E2BIG);
    }
    let mut image: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let gap = usize::try_from(strings.lowest() - pointer - len).map_err(|_| Errno::E2BIG)?;
    image.resize(image.len() + gap, 0);
    image.extend(strings.reversed.iter().rev());
    memory.copy_out(Addr::new(pointer), &image, IoOpts::CHECKED).map_err(|_| Errno::E2BIG)?;

    let range = |start, end| AddrRange::new(Addr::new(start), Addr::new(end)).ok_or(Errno::E2BIG);
    Ok(StackLayout {
        pointer: Addr::new(pointer),
        argv: range(arg_start, env_start)?,
        envp: range(env_start, env_end)?,
        auxv: auxv_words.iter().flat_map(|word| word.to_le_bytes()).collect(),
    })
}
