//! Which requests of `ioctl(2)` are passed on, and what their arguments are.

/// How the argument of a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoctlDirection {
    /// The argument is a number: pass its eight bytes, in the machine's order.
    Value,
    /// The program passes bytes.
    In,
    /// The program gets bytes back.
    Out,
}

/// Size of the kernel's `struct termios`.
const TERMIOS: usize = 36;
/// Size of the kernel's `struct termios2`.
const TERMIOS2: usize = 44;
/// Size of `struct winsize`.
const WINSIZE: usize = 8;
/// Size of an `int`.
const INT: usize = 4;

/// The requests, with the numbers that x86-64 and aarch64 share.
const REQUESTS: &[(u32, usize, IoctlDirection)] = &[
    (0x5401, TERMIOS, IoctlDirection::Out),       // TCGETS
    (0x5402, TERMIOS, IoctlDirection::In),        // TCSETS
    (0x5403, TERMIOS, IoctlDirection::In),        // TCSETSW
    (0x5404, TERMIOS, IoctlDirection::In),        // TCSETSF
    (0x802c_542a, TERMIOS2, IoctlDirection::Out), // TCGETS2
    (0x402c_542b, TERMIOS2, IoctlDirection::In),  // TCSETS2
    (0x402c_542c, TERMIOS2, IoctlDirection::In),  // TCSETSW2
    (0x402c_542d, TERMIOS2, IoctlDirection::In),  // TCSETSF2
    (0x5409, 8, IoctlDirection::Value),           // TCSBRK
    (0x540a, 8, IoctlDirection::Value),           // TCXONC
    (0x540b, 8, IoctlDirection::Value),           // TCFLSH
    (0x5425, 8, IoctlDirection::Value),           // TCSBRKP
    (0x540f, INT, IoctlDirection::Out),           // TIOCGPGRP
    (0x5410, INT, IoctlDirection::In),            // TIOCSPGRP
    (0x5429, INT, IoctlDirection::Out),           // TIOCGSID
    (0x5411, INT, IoctlDirection::Out),           // TIOCOUTQ
    (0x541b, INT, IoctlDirection::Out),           // FIONREAD
    (0x5413, WINSIZE, IoctlDirection::Out),       // TIOCGWINSZ
    (0x5414, WINSIZE, IoctlDirection::In),        // TIOCSWINSZ
];

/// Returns how many bytes the argument of a request has and which way they go; `None` for a
/// request that no file here knows, `TIOCSTI` among them: `ENOTTY`.
#[must_use]
pub fn ioctl_size(request: u32) -> Option<(usize, IoctlDirection)> {
    let (_, size, direction) = REQUESTS.iter().find(|(number, ..)| *number == request)?;
    Some((*size, *direction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_carry_their_size_carry_this_one() {
        for (request, size, _) in REQUESTS {
            let coded = (request >> 16 & 0x3fff) as usize;
            assert!(coded == 0 || coded == *size, "{request:#x}");
        }
    }

    #[test]
    fn what_types_into_a_terminal_is_unknown() {
        assert_eq!(ioctl_size(0x5412), None);
        assert_eq!(ioctl_size(libc::TIOCGWINSZ as u32), Some((8, IoctlDirection::Out)));
    }
}
