//! Level 1: copies and words at an address that is already known.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use safecopy::atomic::{self, DstWord, SrcWord};
use safecopy::{DstBlock, SrcBlock, copy};

use super::tables::{Buffer, Numbers, bytes};
use crate::bench::{Bench, Setting};
use crate::lap::{Lap, expect, expect_bytes, time, time_by_eights};
use crate::peers::gvisor;
use crate::plan::Plan;
use crate::raw;
use crate::row::{At, Row};

const LEVEL: &str = "copy";

/// A row: its name, the lengths that it copies in turn, how far the buffers are behind a page's start, the goals
/// against `memcpy` and against peers, and where it stands.
struct Copy<'a> {
    name: &'a str,
    lens: &'a [usize],
    offset: usize,
    goals: (f64, f64),
    at: Option<At>,
    /// What gVisor's program calls it.
    gvisor: &'a str,
}

pub(super) fn rows(bench: &mut Bench<'_>) {
    let lens = [3, 8, 1, 6, 2, 7, 4, 5];
    let goals = (0.75, 0.85);
    let at = Some(At::Bytes(8));
    let (name, gvisor) = ("1–8 B of run-time size", "copy_small");
    copies(bench, &Copy { name, lens: &lens, offset: 0, goals, at, gvisor });
    for (name, len, goals) in [
        ("64 B", 64, (1.0, 0.80)),
        ("256 B", 256, (1.15, 0.75)),
        ("1 KiB", 1 << 10, (1.15, 0.55)),
        ("4 KiB aligned", 4 << 10, (1.0, 1.0)),
        ("64 KiB", 64 << 10, (1.10, 1.05)),
        ("1 MiB", 1 << 20, (1.10, 1.05)),
        ("16 MiB", 16 << 20, (1.10, 1.05)),
    ] {
        let at = Some(At::Bytes(len as u64));
        let gvisor = &format!("copy {len} 0");
        copies(bench, &Copy { name, lens: &[len], offset: 0, goals, at, gvisor });
    }
    let (name, goals, gvisor) = ("4 KiB of equal misalignment", (1.0, 1.0), "copy 4096 13");
    copies(bench, &Copy { name, lens: &[4096], offset: 13, goals, at: None, gvisor });
    let mut numbers = Numbers::new();
    let lens: Vec<usize> = (0..4096).map(|_| 1 + numbers.below(256)).collect();
    let (name, goals, gvisor) = ("1–256 B of random sizes", (1.0, 0.40), "copy_random");
    copies(bench, &Copy { name, lens: &lens, offset: 0, goals, at: None, gvisor });
    words(bench);
}

fn copies(bench: &mut Bench<'_>, row: &Copy<'_>) {
    bench.row(LEVEL, row.name, |setting, name| {
        let longest = *row.lens.iter().max().expect("our own invariant: there are lengths");
        let from = Buffer::holding(&bytes(longest), row.offset);
        let from = from.get();
        let mut buffers = [(); 2].map(|()| Buffer::new(longest, row.offset));
        let [ours, limit] = buffers.each_mut().map(Buffer::get_mut);
        let mask = row.lens.len() - 1;
        let blocks: Vec<SrcBlock<'_>> =
            row.lens.iter().map(|len| SrcBlock::from_slice(&from[..*len])).collect();
        // Every turn goes through all lengths, so that the longest has been copied.
        let mut plan = Plan::new(name).at_least(row.lens.len() as u64);
        if let Some(at) = row.at {
            plan = plan.at(at);
        }
        let plan = plan
            .ours(move |count| {
                ours.fill(0xff);
                let mut failed = false;
                let dst = DstBlock::from_slice(ours);
                let nanoseconds =
                    time(count, |index| failed |= copy(dst, blocks[index & mask]).is_err());
                expect(u64::from(failed), 0)?;
                check(ours, from, row.lens, count).map(|()| nanoseconds)
            })
            .limit("memcpy", row.goals.0, move |count| {
                limit.fill(0xff);
                let nanoseconds = raw::memcpy(limit, from, row.lens, count);
                check(limit, from, row.lens, count).map(|()| nanoseconds)
            })
            .peer("gVisor", row.goals.1, gvisor::lap(setting, row.gvisor));
        setting.measure(plan)
    });
}

/// Checks what copies of the first `count` lengths leave behind.
fn check(to: &[u8], from: &[u8], lens: &[usize], count: u64) -> Result<(), String> {
    let done = lens.iter().take(count as usize).max().copied().unwrap_or(0);
    expect_bytes(&to[..done], &from[..done])?;
    expect(to[done..].iter().filter(|byte| **byte != 0xff).count() as u64, 0)
}

/// Words that are accessed in turn: alone, an instruction takes less time than can be told.
const WORDS: usize = 256;

/// Returns what loading `count` words in turn adds up to, when each holds its own number.
fn sum_of_words(count: u64) -> u64 {
    let lap = |len: u64| len * len.saturating_sub(1) / 2;
    count / WORDS as u64 * lap(WORDS as u64) + lap(count % WORDS as u64)
}

/// Single words: the instruction alone is the limit.
fn words(bench: &mut Bench<'_>) {
    bench.row(LEVEL, "u64 load", |setting, name| {
        let words = FirstHalf::new(|number| AtomicU64::new(number as u64));
        let bytes = FirstHalf::new(|number| Aligned((number as u64).to_ne_bytes()));
        let blocks = SecondHalf::of(
            bytes
                .0
                .iter()
                .filter_map(|word| SrcWord::<u64>::new(SrcBlock::from_slice(&word.0)).ok()),
        )?;
        let pointers = SecondHalf::of(words.0.iter())?;
        let (blocks, pointers) = (blocks.get(), pointers.get());
        let plan = Plan::new(name)
            .ours(|count| {
                let mut sum = 0_u64;
                let nanoseconds = time_by_eights(count, |index| {
                    sum = sum.wrapping_add(blocks[index % WORDS].load().unwrap_or(!0));
                });
                expect(sum, sum_of_words(count)).map(|()| nanoseconds)
            })
            .limit("instruction", 1.3, |count| {
                let mut sum = 0_u64;
                let nanoseconds = time_by_eights(count, |index| {
                    sum = sum.wrapping_add(pointers[index % WORDS].load(Ordering::Acquire));
                });
                expect(sum, sum_of_words(count)).map(|()| nanoseconds)
            });
        setting.measure(plan)
    });
    bench.row(LEVEL, "u64 store", |setting, name| {
        let mut bytes = FirstHalf::new(|_| Aligned([0; 8]));
        let words = FirstHalf::new(|_| AtomicU64::new(0));
        let pointers = SecondHalf::of(words.0.iter())?;
        let pointers = pointers.get();
        let plan = Plan::new(name)
            .ours(|count| {
                let blocks = SecondHalf::of(bytes.0.iter_mut().filter_map(|word| {
                    DstWord::<u64>::new(DstBlock::from_slice(&mut word.0)).ok()
                }))?;
                let blocks = blocks.get();
                let mut failed = false;
                let nanoseconds = time_by_eights(count, |index| {
                    failed |= blocks[index % WORDS].store(index as u64).is_err();
                });
                expect(u64::from(failed), 0)?;
                let last = bytes.0[(count as usize - 1) % WORDS].0;
                expect(u64::from_ne_bytes(last), count - 1).map(|()| nanoseconds)
            })
            .limit("instruction", 1.3, |count| {
                let nanoseconds = time_by_eights(count, |index| {
                    pointers[index % WORDS].store(index as u64, Ordering::Release);
                });
                let last = &words.0[(count as usize - 1) % WORDS];
                expect(last.load(Ordering::Acquire), count - 1).map(|()| nanoseconds)
            });
        setting.measure(plan)
    });
    bench.row(LEVEL, "u32 swap", |setting, name| {
        exchange(
            setting,
            (name, "swap"),
            |block, index| atomic::swap(block, index).unwrap_or(!0),
            |word, index| word.swap(index, Ordering::AcqRel),
        )
    });
    bench.row(LEVEL, "u32 compare and exchange", |setting, name| {
        exchange(
            setting,
            (name, "compare_and_swap"),
            |block, index| {
                atomic::compare_exchange(block, index.wrapping_sub(1), index).unwrap_or(!0)
            },
            |word, index| {
                let old = index.wrapping_sub(1);
                word.compare_exchange(old, index, Ordering::AcqRel, Ordering::Acquire).unwrap_or(!0)
            },
        )
    });
}

/// Measures an exchange that puts one number after another into a word, from 1 on; each answers with the one before.
fn exchange(
    setting: &Setting<'_>,
    (name, operation): (String, &str),
    ours: impl Fn(DstBlock<'_>, u32) -> u32,
    limit: impl Fn(&AtomicU32, u32) -> u32,
) -> Result<Result<Row, String>, String> {
    let mut bytes = Aligned([0; 8]);
    let sum_below =
        |count: u64| (0..count).fold(0_u32, |sum, index| sum.wrapping_add(index as u32));
    let ours: Lap<'_> = Box::new(|count| {
        bytes.0.fill(0);
        let block = DstBlock::from_slice(&mut bytes.0);
        let mut sum = 0_u32;
        let nanoseconds =
            time(count, |index| sum = sum.wrapping_add(ours(block, index as u32 + 1)));
        expect(u64::from(sum), u64::from(sum_below(count))).map(|()| nanoseconds)
    });
    let limit: Lap<'_> = Box::new(|count| {
        let word = AtomicU32::new(0);
        let mut sum = 0_u32;
        let nanoseconds =
            time(count, |index| sum = sum.wrapping_add(limit(&word, index as u32 + 1)));
        expect(u64::from(sum), u64::from(sum_below(count))).map(|()| nanoseconds)
    });
    let plan = Plan::new(name).ours(ours).limit("instruction", 1.1, limit).peer(
        "gVisor",
        1.05,
        gvisor::lap(setting, operation),
    );
    setting.measure(plan)
}

/// Bytes of a word.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Aligned([u8; 8]);

/// Words in the first half of a page.
#[repr(align(4096))]
struct FirstHalf<T>([T; WORDS]);

impl<T> FirstHalf<T> {
    fn new(word: impl FnMut(usize) -> T) -> Self {
        Self(std::array::from_fn(word))
    }
}

/// Where words are, in the second half of a page: a load so far behind the start of its page as a store just before it
/// waits for that, whatever the page.
#[repr(align(4096))]
struct SecondHalf<T> {
    _first: [u64; WORDS],
    places: [T; WORDS],
}

impl<T> SecondHalf<T> {
    fn of(places: impl Iterator<Item = T>) -> Result<Self, String> {
        let places = places.collect::<Vec<T>>().try_into();
        Ok(Self { _first: [0; WORDS], places: places.map_err(|_| "a word is not aligned")? })
    }

    /// Returns the places, of which the compiler knows no more than how many there are.
    fn get(&self) -> &[T; WORDS] {
        black_box(&self.places)
    }
}
