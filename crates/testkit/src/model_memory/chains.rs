//! What cursors, sequences and streams have to answer, step by step.

use usermem_io::{Io, IoOpts};
use usermem_types::{Addr, AddrRange, AddrRangeSeq};

use super::ModelMemory;
use super::expected::prefix;
use crate::script::STREAM_ERROR;
use crate::{ModelSeq, Outcome, ScriptedReader, ScriptedWriter, SeqStep, Step};

impl ModelMemory {
    pub(super) fn cursor(&self, addr: Addr, steps: &[Step], opts: IoOpts) -> Outcome {
        let mut at = addr;
        let step = |step: &Step| {
            let outcome = match step {
                Step::CopyIn(len) | Step::Read(len) => prefix(self.read(at, *len, opts)),
                Step::CopyOut(src) | Step::Write(src) => {
                    Outcome::transfer(self.copy_out(at, src, opts), &[])
                }
            };
            at = at.saturating_add(outcome.done as u64);
            Outcome { position: Some(at.get()), ..short_first(step, outcome) }
        };
        Outcome::steps(steps.iter().map(step).collect())
    }

    pub(super) fn seq_cursor(&self, ranges: &[AddrRange], steps: &[Step], opts: IoOpts) -> Outcome {
        let mut seq = ModelSeq::new(ranges);
        let step = |step: &Step| {
            let outcome = match step {
                Step::CopyIn(len) | Step::Read(len) => {
                    prefix(self.read_vec(&seq.ranges(), *len, opts))
                }
                Step::CopyOut(src) | Step::Write(src) => self.write_vec(&seq.ranges(), src, opts),
            };
            seq.drop_first(outcome.done as u64);
            Outcome { position: Some(seq.num_bytes()), ..short_first(step, outcome) }
        };
        Outcome::steps(steps.iter().map(step).collect())
    }

    pub(super) fn seq(&self, ranges: &[AddrRange], steps: &[SeqStep], opts: IoOpts) -> Outcome {
        let mut seq = ModelSeq::new(ranges);
        let step = |step: &SeqStep| match step {
            SeqStep::DropFirst(bytes) => {
                seq.drop_first(*bytes);
                Outcome { position: Some(seq.num_bytes()), ..Outcome::default() }
            }
            SeqStep::TakeFirst(bytes) => {
                seq.take_first(*bytes);
                Outcome { position: Some(seq.num_bytes()), ..Outcome::default() }
            }
            SeqStep::CopyIn(len) => prefix(self.read_vec(&seq.ranges(), *len, opts)),
            SeqStep::CopyOut(src) => self.write_vec(&seq.ranges(), src, opts),
            SeqStep::ZeroOut(len) => self.zero_vec(&seq.ranges(), *len, opts),
            SeqStep::CopyOutFrom { data, fails } => {
                self.stream_out(&seq.ranges(), data, *fails, opts)
            }
            SeqStep::CopyInTo { room, fails } => self.stream_in(&seq.ranges(), *room, *fails, opts),
        };
        Outcome::steps(steps.iter().map(step).collect())
    }

    pub(super) fn stream_out(
        &self,
        ranges: &[AddrRange],
        data: &[u8],
        fails: bool,
        opts: IoOpts,
    ) -> Outcome {
        let mut reader = ScriptedReader::new(data, fails.then_some(STREAM_ERROR));
        let ranges = AddrRangeSeq::from_slice(ranges).expect("they were added up");
        let outcome = Outcome::transfer(self.copy_out_from(ranges, &mut reader, opts), &[]);
        Outcome { calls: reader.calls, ..outcome }
    }

    pub(super) fn stream_in(
        &self,
        ranges: &[AddrRange],
        room: usize,
        fails: bool,
        opts: IoOpts,
    ) -> Outcome {
        let mut writer = ScriptedWriter::new(room, fails.then_some(STREAM_ERROR));
        let ranges = AddrRangeSeq::from_slice(ranges).expect("they were added up");
        let transfer = self.copy_in_to(ranges, &mut writer, opts);
        Outcome { calls: writer.calls, ..Outcome::transfer(transfer, &writer.data) }
    }
}

/// A stream of `std::io` keeps an error for the next time when there is a count to tell.
fn short_first(step: &Step, outcome: Outcome) -> Outcome {
    match step {
        Step::Read(_) | Step::Write(_) if outcome.done > 0 => Outcome { stop: None, ..outcome },
        _ => outcome,
    }
}
