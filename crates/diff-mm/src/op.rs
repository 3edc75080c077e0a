//! The operations that scripts are made of.

use crate::words;

/// What an argument means: how it is written, made up and made simpler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// An address: of the window (`p3`, `p3+1`), or any other (`0x1000`).
    Addr,
    /// A number of bytes (`2p`, `2p+1`, `7`).
    Len,
    /// Protections (`rw`, `none`, `r|growsdown`).
    Prot,
    /// A file of the script's, or `anon`.
    File,
    /// A byte.
    Byte,
    /// Bits with names.
    Bits(&'static [(&'static str, u64)]),
    /// A number with names.
    Number(&'static [(&'static str, u64)]),
}

macro_rules! ops {
    ($($(#[$doc:meta])* $op:ident $name:literal [$($arg:expr),*];)*) => {
        /// One kind of step. Without a macro, name, arguments and list would be three tables to
        /// keep in step.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op {
            $($(#[$doc])* $op,)*
        }

        impl Op {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$op),*];

            /// Returns the first word of a step.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$op => $name),* }
            }

            /// Returns what the arguments mean.
            #[must_use]
            pub const fn args(self) -> &'static [Arg] {
                match self { $(Self::$op => &[$($arg),*]),* }
            }
        }
    };
}

ops! {
    /// `mmap(addr, len, prot, flags, file, offset)`.
    Mmap "mmap" [Arg::Addr, Arg::Len, Arg::Prot, Arg::Bits(words::MAP), Arg::File, Arg::Len];
    /// `munmap(addr, len)`.
    Munmap "munmap" [Arg::Addr, Arg::Len];
    /// `mprotect(addr, len, prot)`.
    Mprotect "mprotect" [Arg::Addr, Arg::Len, Arg::Prot];
    /// `mremap(addr, old_len, new_len, flags, new_addr)`.
    Mremap "mremap" [Arg::Addr, Arg::Len, Arg::Len, Arg::Bits(words::MREMAP), Arg::Addr];
    /// `madvise(addr, len, advice)`.
    Madvise "madvise" [Arg::Addr, Arg::Len, Arg::Number(words::MADV)];
    /// `mlock(addr, len)`.
    Mlock "mlock" [Arg::Addr, Arg::Len];
    /// `mlock2(addr, len, flags)`.
    Mlock2 "mlock2" [Arg::Addr, Arg::Len, Arg::Bits(words::MLOCK)];
    /// `munlock(addr, len)`.
    Munlock "munlock" [Arg::Addr, Arg::Len];
    /// `mlockall(flags)`.
    Mlockall "mlockall" [Arg::Bits(words::MCL)];
    /// `munlockall()`.
    Munlockall "munlockall" [];
    /// `setrlimit(RLIMIT_MEMLOCK, bytes)`, the soft limit.
    Memlock "memlock" [Arg::Len];
    /// `setrlimit(RLIMIT_AS, bytes)`, what the host's image takes added there.
    LimitAs "limit_as" [Arg::Len];
    /// `setrlimit(RLIMIT_DATA, bytes)`, likewise.
    LimitData "limit_data" [Arg::Len];
    /// `setrlimit(RLIMIT_STACK, bytes)`; 8 MiB at first.
    LimitStack "limit_stack" [Arg::Len];
    /// `msync(addr, len, flags)`.
    Msync "msync" [Arg::Addr, Arg::Len, Arg::Bits(words::MS)];
    /// `mincore(addr, len)`; which pages are present counts too.
    Mincore "mincore" [Arg::Addr, Arg::Len];
    /// `brk(addr)`; the heap starts at [`crate::HEAP`].
    Brk "brk" [Arg::Addr];
    /// `mseal(addr, len, flags)`.
    Mseal "mseal" [Arg::Addr, Arg::Len, Arg::Number(&[])];
    /// The program writes a byte.
    Store "store" [Arg::Addr, Arg::Byte];
    /// The program reads a byte.
    Load "load" [Arg::Addr];
    /// The program executes the instruction at an address.
    Fetch "fetch" [Arg::Addr];
    /// The kernel writes bytes to the program: a read from a file.
    Read "read" [Arg::Addr, Arg::Len];
    /// The kernel reads bytes of the program: a write to a file; its sum counts too.
    Write "write" [Arg::Addr, Arg::Len];
    /// `ftruncate(file, len)`.
    Truncate "truncate" [Arg::File, Arg::Len];
    /// `pwrite(file, one byte, offset)`.
    Pwrite "pwrite" [Arg::File, Arg::Len, Arg::Byte];
    /// `pread(file, one byte, offset)`.
    Pread "pread" [Arg::File, Arg::Len];
    /// `fork()`: what follows, up to `exit`, the child does; then the parent goes on.
    Fork "fork" [];
    /// The child of a `fork` exits.
    Exit "exit" [];
    /// `fork()`, of a child that waits until the script has ended and then only reads its memory.
    Witness "witness" [];
}

/// The most arguments of a step.
pub(crate) const MAX_ARGS: usize = 6;
