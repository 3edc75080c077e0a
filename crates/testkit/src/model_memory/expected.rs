//! What every operation has to answer, spelled out.
//!
//! Nothing in here calls what it describes: only the methods of [`Io`] of the model itself.

use usermem_io::{Io, IoCause, IoOpts};
use usermem_types::{Addr, AddrRange, Fault, FaultKind, Partial, Transfer};

use super::ModelMemory;
use crate::script::NO_NUMBER;
use crate::{Op, Outcome, Stop};

/// What was read, and why no more was.
pub(super) type Read<C> = (Vec<u8>, Option<C>);

impl ModelMemory {
    /// Returns what an operation has to answer, and does what it has to do; `None` when its
    /// arguments cannot be expressed.
    ///
    /// ```
    /// use testkit::{ModelMemory, Op};
    /// use usermem_io::IoOpts;
    /// use usermem_types::Addr;
    ///
    /// let model = ModelMemory::of_bytes(b"abc\0");
    /// let op = Op::CopyInString { addr: Addr::new(1), max_len: 64 };
    /// assert_eq!(model.expect(&op, IoOpts::CHECKED).unwrap().data, b"bc");
    /// ```
    #[must_use]
    pub fn expect(&self, op: &Op, opts: IoOpts) -> Option<Outcome> {
        // Whether the ranges make a sequence at all.
        let ranges_of = |ranges: &Vec<AddrRange>| {
            let total = ranges.iter().map(|range| u128::from(range.len())).sum::<u128>();
            (total <= i64::MAX as u128).then(|| ranges.clone())
        };
        Some(match op {
            Op::CopyOut { addr, data } => Outcome::transfer(self.copy_out(*addr, data, opts), &[]),
            Op::CopyIn { addr, len } => prefix(self.read(*addr, *len, opts)),
            Op::ZeroOut { addr, len } => Outcome::transfer(self.zero_out(*addr, *len, opts), &[]),
            Op::CopyOutFrom { ranges, data, fails } => {
                self.stream_out(&ranges_of(ranges)?, data, *fails, opts)
            }
            Op::CopyInTo { ranges, room, fails } => {
                self.stream_in(&ranges_of(ranges)?, *room, *fails, opts)
            }
            Op::Swap { addr, new } => Outcome::word(self.swap_u32(addr.aligned()?, *new, opts)),
            Op::CompareExchange { addr, old, new } => {
                Outcome::word(self.compare_exchange_u32(addr.aligned()?, *old, *new, opts))
            }
            Op::Load { addr } => Outcome::word(self.load_u32(addr.aligned()?, opts)),
            Op::CopyOutVec { ranges, data } => self.write_vec(&ranges_of(ranges)?, data, opts),
            Op::CopyInVec { ranges, len } => prefix(self.read_vec(&ranges_of(ranges)?, *len, opts)),
            Op::ZeroOutVec { ranges, len } => self.zero_vec(&ranges_of(ranges)?, *len, opts),
            Op::CopyInString { addr, max_len: len } | Op::CopyInStringInto { addr, len } => {
                self.string(*addr, *len, opts)
            }
            Op::CopyInObject { addr, size } => self.whole(*addr, size.bytes(), opts),
            Op::CopyInArray { addr, count } => self.whole(*addr, count * 4, opts),
            Op::CopyInBytes { addr, len } => self.whole(*addr, *len, opts),
            Op::CopyOutObject { data, .. } if data.is_empty() => Outcome::default(),
            Op::CopyOutObject { addr, data } => {
                Outcome::transfer(self.copy_out(*addr, data, opts), &[])
            }
            Op::CopyInStruct { addr, len } => self.structure(*addr, *len, opts),
            Op::CopyOutStruct { addr, len, value } => {
                self.write_structure(*addr, *len, *value, opts)
            }
            Op::CopyInInts { ranges, count } => self.ints(&ranges_of(ranges)?, *count, opts),
            Op::Cursor { addr, steps } => self.cursor(*addr, steps, opts),
            Op::SeqCursor { ranges, steps } => self.seq_cursor(&ranges_of(ranges)?, steps, opts),
            Op::Seq { ranges, steps } => self.seq(&ranges_of(ranges)?, steps, opts),
        })
    }

    pub(super) fn read(&self, addr: Addr, len: usize, opts: IoOpts) -> Read<Fault> {
        let mut bytes = vec![0; len];
        match self.copy_in(addr, &mut bytes, opts) {
            Ok(_) => (bytes, None),
            Err(Partial { done, cause }) => (bytes[..done].to_vec(), Some(cause)),
        }
    }

    /// All of the bytes, or only their number.
    fn whole(&self, addr: Addr, len: usize, opts: IoOpts) -> Outcome {
        match self.read(addr, len, opts) {
            _ if len == 0 => Outcome::default(),
            (bytes, None) => prefix::<Fault>((bytes, None)),
            read => Outcome { data: Vec::new(), ..prefix(read) },
        }
    }

    fn string(&self, addr: Addr, max_len: usize, opts: IoOpts) -> Outcome {
        let mut string = Vec::new();
        let mut at = addr;
        while string.len() < max_len {
            let left = (max_len - string.len()).min(64) as u64;
            if at.get() > u64::MAX - left {
                let fault = Fault::new(FaultKind::OutOfRange, at);
                return prefix((string, Some(fault)));
            }
            let len = left.min(0x1000 - at.get() % 0x1000);
            let (bytes, fault) = self.read(at, len as usize, opts);
            let has_nul = bytes.contains(&0);
            string.extend(bytes.into_iter().take_while(|byte| *byte != 0));
            if has_nul || fault.is_some() {
                return prefix((string, fault.filter(|_| !has_nul)));
            }
            at = Addr::new(at.get() + len);
        }
        prefix((string, Some(Stop::TooLong)))
    }

    fn structure(&self, addr: Addr, len: u64, opts: IoOpts) -> Outcome {
        let failed = |stop| Outcome { stop: Some(stop), ..Outcome::default() };
        if len > 4096 {
            return failed(Stop::TooBig);
        }
        if len > 8 {
            let Some(tail) = addr.checked_add(8) else {
                return failed(Fault::new(FaultKind::OutOfRange, addr).into());
            };
            match self.read(tail, len as usize - 8, opts) {
                (bytes, _) if bytes.iter().any(|byte| *byte != 0) => return failed(Stop::TooBig),
                (_, Some(fault)) => return failed(fault.into()),
                _ => {}
            }
        }
        let (mut bytes, fault) = self.read(addr, len.min(8) as usize, opts);
        match fault {
            Some(fault) if len > 0 => failed(fault.into()),
            _ => {
                bytes.resize(8, 0);
                prefix::<Fault>((bytes, None))
            }
        }
    }

    fn write_structure(&self, addr: Addr, len: usize, value: u64, opts: IoOpts) -> Outcome {
        let failed = |fault: Fault| Outcome { stop: Some(fault.into()), ..Outcome::default() };
        if len > 8 {
            let Some(tail) = addr.checked_add(8) else {
                return failed(Fault::new(FaultKind::OutOfRange, addr));
            };
            if let Err(partial) = self.zero_out(tail, len - 8, opts) {
                return failed(partial.cause);
            }
        }
        if len == 0 {
            return Outcome::default();
        }
        Outcome::transfer(self.copy_out(addr, &value.to_le_bytes()[..len.min(8)], opts), &[])
    }

    /// Transfers range by range until `total` bytes have moved.
    fn each_range(
        ranges: &[AddrRange],
        total: usize,
        mut transfer: impl FnMut(Addr, usize, usize) -> Transfer,
    ) -> Transfer<IoCause> {
        let mut done = 0;
        for range in ranges {
            if done == total {
                break;
            }
            let len = (range.len() as usize).min(total - done);
            match transfer(range.start(), done, len) {
                Ok(_) => done += len,
                Err(p) => return Err(Partial::new(done + p.done, IoCause::Fault(p.cause))),
            }
        }
        Ok(done)
    }

    pub(super) fn read_vec(&self, ranges: &[AddrRange], len: usize, opts: IoOpts) -> Read<IoCause> {
        let mut bytes = vec![0; len];
        let transfer = Self::each_range(ranges, len, |addr, at, len| {
            self.copy_in(addr, &mut bytes[at..at + len], opts)
        });
        let (done, cause) = match transfer {
            Ok(done) => (done, None),
            Err(Partial { done, cause }) => (done, Some(cause)),
        };
        bytes.truncate(done);
        (bytes, cause)
    }

    pub(super) fn write_vec(&self, ranges: &[AddrRange], data: &[u8], opts: IoOpts) -> Outcome {
        let transfer = Self::each_range(ranges, data.len(), |addr, at, len| {
            self.copy_out(addr, &data[at..at + len], opts)
        });
        Outcome::transfer(transfer, &[])
    }

    pub(super) fn zero_vec(&self, ranges: &[AddrRange], len: usize, opts: IoOpts) -> Outcome {
        let transfer = Self::each_range(ranges, len, |addr, _, len| self.zero_out(addr, len, opts));
        Outcome::transfer(transfer, &[])
    }

    /// Reads all of the text first, and looks at its words then.
    fn ints(&self, ranges: &[AddrRange], count: usize, opts: IoOpts) -> Outcome {
        let mut dsts = vec![NO_NUMBER; count];
        let transfer = self.read_ints(ranges, &mut dsts, opts);
        let data = dsts.iter().flat_map(|number| number.to_le_bytes()).collect();
        Outcome { data, ..Outcome::transfer(transfer, &[]) }
    }

    fn read_ints(&self, ranges: &[AddrRange], dsts: &mut [i32], opts: IoOpts) -> Transfer<Stop> {
        if dsts.is_empty() {
            return Ok(0);
        }
        // More than any test has.
        let (text, cause) = self.read_vec(ranges, 1 << 20, opts);
        let is_space = |byte: &u8| b" \t\n\x0b\x0c\r".contains(byte);
        let skip = |at: usize| at + text[at..].iter().take_while(|byte| is_space(byte)).count();
        let mut at = skip(0);
        let mut stored = 0;
        while at < text.len() && stored < dsts.len() {
            let end = at + text[at..].iter().take_while(|byte| !is_space(byte)).count();
            if cause.is_some() && end == text.len() {
                break;
            }
            let word = std::str::from_utf8(&text[at..end]).ok();
            match word.and_then(|word| word.parse().ok()) {
                Some(number) => dsts[stored] = number,
                None => return Err(Partial::new(at, Stop::Malformed)),
            }
            stored += 1;
            at = skip(end);
        }
        match cause {
            Some(cause) => Err(Partial::new(at, cause.into())),
            None if stored == 0 => Err(Partial::new(at, Stop::Malformed)),
            None => Ok(at),
        }
    }
}

/// What was read, and why no more was.
pub(super) fn prefix<C: Into<Stop>>((data, cause): Read<C>) -> Outcome {
    Outcome { done: data.len(), stop: cause.map(Into::into), data, ..Outcome::default() }
}
