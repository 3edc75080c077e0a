//! Decimal numbers, as files below `/proc/sys` are written.

use std::fmt;

use usermem_types::{AddrRangeSeq, Partial, Transfer};

use crate::{Io, IoCause, IoOpts, vector};

/// How many bytes are read at one time.
const CHUNK: usize = 256;

/// Why reading numbers stopped.
///
/// ```
/// use usermem_io::{BytesIo, IntStringsCause, IoCause, IoExt, IoOpts};
/// use usermem_types::{Addr, AddrRangeSeq, Fault, FaultKind, Partial};
///
/// let mut memory = *b"7 80";
/// let io = BytesIo::new(&mut memory);
/// let ranges = AddrRangeSeq::of(Addr::ZERO.to_range(5).unwrap()).unwrap();
/// let mut dsts = [0; 2];
/// let read = io.copy_in_int32_strings(ranges, &mut dsts, IoOpts::CHECKED);
/// let fault = IoCause::Fault(Fault::new(FaultKind::Unmapped, Addr::new(4)));
/// assert_eq!(read, Err(Partial::new(2, IntStringsCause::Io(fault))));
/// assert_eq!(dsts, [7, 0], "whether the second number is 80 or 8000, nobody knows");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntStringsCause {
    /// The application's memory could not be read.
    Io(IoCause),
    /// There is no number, or it is none of 32 bits.
    Malformed,
}

impl fmt::Display for IntStringsCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(cause) => cause.fmt(f),
            Self::Malformed => f.write_str("not a number"),
        }
    }
}

impl std::error::Error for IntStringsCause {}

/// See [`IoExt::copy_in_int32_strings`](crate::IoExt::copy_in_int32_strings).
pub(crate) fn copy_in_int32_strings<I: Io + ?Sized>(
    io: &I,
    mut ranges: AddrRangeSeq<'_>,
    dsts: &mut [i32],
    opts: IoOpts,
) -> Transfer<IntStringsCause> {
    if dsts.is_empty() {
        return Ok(0);
    }
    let mut parser = Parser { dsts, stored: 0, offset: 0, token: None, is_full: false };
    let mut chunk = [0u8; CHUNK];
    loop {
        let (read, cause) = match vector::copy_in_vec(io, ranges, &mut chunk, opts) {
            Ok(read) => (read, None),
            Err(Partial { done, cause }) => (done, Some(cause)),
        };
        parser.feed(&chunk[..read])?;
        if let Some(cause) = cause {
            // A number that touches the fault may go on behind it.
            return Err(Partial::new(parser.consumed(), IntStringsCause::Io(cause)));
        }
        if read < CHUNK {
            return parser.finish();
        }
        ranges = ranges.drop_first(read as u64);
    }
}

/// A number whose end has not been seen.
struct Token {
    /// Where it begins.
    start: usize,
    is_negative: bool,
    /// The digits so far, without the sign.
    digits: Digits,
}

/// The value of the digits of a number.
enum Digits {
    /// None were seen, and maybe a sign.
    Missing { has_sign: bool },
    /// Their value.
    Value(u32),
    /// They are no number of 32 bits.
    Bad,
}

/// The numbers of a text that arrives in pieces.
struct Parser<'a> {
    dsts: &'a mut [i32],
    stored: usize,
    /// How many bytes were looked at.
    offset: usize,
    token: Option<Token>,
    /// All numbers are stored and the white space behind them was passed.
    is_full: bool,
}

impl Parser<'_> {
    fn feed(&mut self, text: &[u8]) -> Result<(), Partial<IntStringsCause>> {
        for byte in text {
            if self.is_full {
                break;
            }
            if matches!(byte, b' ' | 9..=13) {
                self.end_token()?;
            } else if self.stored == self.dsts.len() {
                self.is_full = true;
                break;
            } else {
                let start = self.offset;
                self.token.get_or_insert_with(|| Token::new(start)).push(*byte);
            }
            self.offset += 1;
        }
        Ok(())
    }

    /// Returns how many bytes whole numbers and the white space around them took.
    fn consumed(&self) -> usize {
        self.token.as_ref().map_or(self.offset, |token| token.start)
    }

    fn finish(mut self) -> Transfer<IntStringsCause> {
        self.end_token()?;
        if self.stored == 0 {
            return Err(Partial::new(self.offset, IntStringsCause::Malformed));
        }
        Ok(self.offset)
    }

    fn end_token(&mut self) -> Result<(), Partial<IntStringsCause>> {
        let Some(token) = self.token.take() else { return Ok(()) };
        let malformed = Partial::new(token.start, IntStringsCause::Malformed);
        self.dsts[self.stored] = token.value().ok_or(malformed)?;
        self.stored += 1;
        Ok(())
    }
}

impl Token {
    fn new(start: usize) -> Self {
        Self { start, is_negative: false, digits: Digits::Missing { has_sign: false } }
    }

    fn push(&mut self, byte: u8) {
        let before = match (&self.digits, byte) {
            (Digits::Missing { has_sign: false }, b'+' | b'-') => {
                self.is_negative = byte == b'-';
                self.digits = Digits::Missing { has_sign: true };
                return;
            }
            (Digits::Missing { .. }, _) => 0,
            (Digits::Value(value), _) => *value,
            (Digits::Bad, _) => return,
        };
        self.digits = match byte {
            b'0'..=b'9' => before
                .checked_mul(10)
                .and_then(|value| value.checked_add(u32::from(byte - b'0')))
                .map_or(Digits::Bad, Digits::Value),
            _ => Digits::Bad,
        };
    }

    fn value(&self) -> Option<i32> {
        let Digits::Value(value) = self.digits else { return None };
        let value = i64::from(value);
        i32::try_from(if self.is_negative { -value } else { value }).ok()
    }
}
