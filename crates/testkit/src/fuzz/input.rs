//! Choices made by bytes.

use std::ops::RangeInclusive;

use usermem_io::IoOpts;
use usermem_types::{AccessType, Addr, AddrRange, FaultKind};

use crate::{Area, Layout, ModelMemory};

/// Bytes that are used up by choices. When none are left every choice is the first one.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns a number of the range, from as many bytes as it takes to name one.
    pub(super) fn number(&mut self, range: RangeInclusive<u64>) -> u64 {
        let span = range.end() - range.start();
        let width = (u64::BITS - span.leading_zeros()).div_ceil(8);
        let value = (0..width).fold(0, |value, _| value << 8 | u64::from(self.byte()));
        range.start() + span.checked_add(1).map_or(value, |count| value % count)
    }

    /// Returns a length up to `max`.
    pub(super) fn len(&mut self, max: usize) -> usize {
        self.number(0..=max as u64) as usize
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Returns up to `max` bytes.
    pub(super) fn bytes(&mut self, max: usize) -> Vec<u8> {
        let len = self.len(max).min(self.bytes.len());
        let (taken, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        taken.to_vec()
    }

    /// Returns an address: most lie between `start` and a little above `end`, some at the ends of
    /// everything.
    pub(super) fn addr(&mut self, start: u64, end: u64) -> Addr {
        Addr::new(match self.number(0..=15) {
            13 => 1 << 63,
            14 => self.number(0..=16),
            15 => u64::MAX - self.number(0..=16),
            _ => self.number(start..=end + 8),
        })
    }

    /// Returns ranges that begin as [`Input::addr`] says; most are no longer than `max_len`.
    pub(super) fn ranges(&mut self, start: u64, end: u64, max_len: u64) -> Vec<AddrRange> {
        let count = self.number(0..=8);
        let mut range = || {
            let start = self.addr(start, end);
            let len = match self.number(0..=15) {
                14 => self.number(0..=u64::MAX),
                15 => i64::MAX as u64 + 2 - self.number(0..=4),
                _ => self.number(0..=max_len),
            };
            AddrRange::new(start, start.saturating_add(len)).unwrap_or_default()
        };
        (0..count).map(|_| range()).collect()
    }

    pub(super) fn opts(&mut self) -> IoOpts {
        IoOpts { ignore_permissions: self.flag() }
    }

    /// Returns memory that begins at `start`: areas with gaps between them or without, some of
    /// which fault, filled with what `spell` makes of bytes.
    pub(super) fn memory(&mut self, start: u64, spell: impl Fn(Vec<u8>) -> Vec<u8>) -> ModelMemory {
        let memory = ModelMemory::new(&Layout::default());
        let mut at = start;
        for _ in 0..self.number(1..=5) {
            let content = spell(self.bytes(0x120));
            let start = Addr::new(at);
            let range = start.to_range(content.len() as u64).unwrap_or_default();
            memory.map(self.area(range));
            memory.fill(start, &content);
            at = range.end().get() + self.number(0..=15).saturating_sub(12);
        }
        memory
    }

    /// Returns an area; most can be read.
    fn area(&mut self, range: AddrRange) -> Area {
        let prot = self.byte();
        let (access, max_access, fault) = match prot {
            0xc0.. => (AccessType::NONE, AccessType::from_prot(u32::from(prot & 7)), None),
            0xa0.. => (AccessType::READ, AccessType::ALL, Some(FaultKind::Bus)),
            _ => (AccessType::READ, AccessType::READ, None),
        };
        Area { range, access, max_access, fault }
    }

    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *byte
    }
}
