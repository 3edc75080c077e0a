//! Every access, in every size, with every back end.

use std::fmt;
use std::sync::{Barrier, Mutex};

use usermem_types::FaultKind;

use super::{
    DstWord, Word, compare_exchange, fetch_add, fetch_and, fetch_or, fetch_xor, load, store, swap,
};
use crate::test_memory::{Beyond, Memory, with_each_back_end};
use crate::{DstBlock, HostFault};

/// A word that the tests can compute with.
trait Number: Word + fmt::LowerHex {
    const MAX: Self;
    fn of(value: u64) -> Self;
    fn value(self) -> u64;
}

/// A macro because no trait of the standard library truncates.
macro_rules! numbers {
    ($($word:ty)*) => {$(
        impl Number for $word {
            const MAX: Self = Self::MAX;
            fn of(value: u64) -> Self {
                value as Self
            }
            fn value(self) -> u64 {
                u64::from(self)
            }
        }
    )*};
}
numbers!(u8 u16 u32 u64);

/// Runs a test of one size for all sizes, with each back end.
macro_rules! for_every_size {
    ($test:ident) => {
        with_each_back_end(|_| {
            $test::<u8>();
            $test::<u16>();
            $test::<u32>();
            $test::<u64>();
        })
    };
}

/// Bits at both ends, alternating ones, and what carries into the next byte.
fn values<W: Number>() -> impl Iterator<Item = W> + Clone {
    const VALUES: [u64; 9] = [
        0,
        1,
        0x7f,
        0x80,
        0xff,
        0x5555_5555_5555_5555,
        0xaaaa_aaaa_aaaa_aaaa,
        0x0102_0304_0506_0708,
        u64::MAX - 1,
    ];
    VALUES.into_iter().map(W::of).chain([W::MAX])
}

/// A word between others, that must not change.
#[repr(align(8))]
struct Between([u8; 24]);

impl Between {
    fn new<W: Number>(value: W) -> Self {
        let mut this = Self([0xee; 24]);
        store(this.word::<W>(), value).unwrap();
        this
    }

    fn word<W: Number>(&mut self) -> DstBlock<'_> {
        DstBlock::from_slice(&mut self.0[8..8 + size_of::<W>()])
    }

    /// Returns the word as the bytes say, and checks those around it.
    fn get<W: Number>(&self) -> u64 {
        let (before, rest) = self.0.split_at(8);
        let (word, after) = rest.split_at(size_of::<W>());
        assert!(before.iter().chain(after).all(|&byte| byte == 0xee), "{:x?}", self.0);
        let mut bytes = [0; 8];
        if cfg!(target_endian = "little") {
            bytes[..word.len()].copy_from_slice(word);
        } else {
            bytes[8 - word.len()..].copy_from_slice(word);
        }
        u64::from_ne_bytes(bytes)
    }
}

/// An access that always stores, and what it stores.
struct Modifier<W> {
    name: &'static str,
    access: fn(DstBlock<'_>, W) -> Result<W, HostFault>,
    model: fn(u64, u64) -> u64,
}

fn modifiers<W: Number>() -> [Modifier<W>; 5] {
    [
        Modifier { name: "swap", access: swap, model: |_, operand| operand },
        Modifier { name: "fetch_add", access: fetch_add, model: u64::wrapping_add },
        Modifier { name: "fetch_and", access: fetch_and, model: |old, operand| old & operand },
        Modifier { name: "fetch_or", access: fetch_or, model: |old, operand| old | operand },
        Modifier { name: "fetch_xor", access: fetch_xor, model: |old, operand| old ^ operand },
    ]
}

#[test]
fn a_stored_word_is_loaded() {
    fn test<W: Number>() {
        for value in values::<W>() {
            let mut memory = Between::new(W::of(!value.value()));
            assert_eq!(store(memory.word::<W>(), value), Ok(()));
            assert_eq!(memory.get::<W>(), value.value());
            assert_eq!(load::<W>(memory.word::<W>().as_source()), Ok(value));
        }
    }
    for_every_size!(test);
}

#[test]
fn pitfall_21_modifying_accesses_return_the_old_word_and_store_the_new() {
    fn test<W: Number>() {
        for Modifier { name, access, model } in modifiers::<W>() {
            for old in values::<W>() {
                for operand in values::<W>() {
                    let mut memory = Between::new(old);
                    assert_eq!(access(memory.word::<W>(), operand), Ok(old), "{name} {operand:x}");
                    let new = W::of(model(old.value(), operand.value())).value();
                    assert_eq!(memory.get::<W>(), new, "{name} {old:x} {operand:x}");
                }
            }
        }
    }
    for_every_size!(test);
}

#[test]
fn a_word_is_exchanged_only_for_the_expected_one() {
    fn test<W: Number>() {
        for old in values::<W>() {
            for expected in values::<W>() {
                let new = W::of(0x3c3c_3c3c_3c3c_3c3c);
                let mut memory = Between::new(old);
                assert_eq!(compare_exchange(memory.word::<W>(), expected, new), Ok(old));
                let now = if old == expected { new } else { old };
                assert_eq!(memory.get::<W>(), now.value(), "{old:x} for {expected:x}");
            }
        }
    }
    for_every_size!(test);
}

/// Checks that every access to a block reports a fault.
#[track_caller]
fn check_all<W: Number>(block: DstBlock<'_>, kind: FaultKind) {
    let fault = HostFault { kind, addr: block.addr() };
    assert_eq!(load::<W>(block.as_source()), Err(fault), "load {} bytes", size_of::<W>());
    check_stores::<W>(block, kind);
}

/// Checks that every access that stores reports a fault, whatever the word is.
#[track_caller]
fn check_stores<W: Number>(block: DstBlock<'_>, kind: FaultKind) {
    let fault = HostFault { kind, addr: block.addr() };
    for value in values::<W>() {
        assert_eq!(store(block, value), Err(fault), "store {} bytes", size_of::<W>());
        for expected in values::<W>() {
            assert_eq!(compare_exchange(block, expected, value), Err(fault));
        }
        for Modifier { name, access, .. } in modifiers::<W>() {
            assert_eq!(access(block, value), Err(fault), "{name} {} bytes", size_of::<W>());
        }
    }
}

#[test]
fn pitfall_04_a_misaligned_word_is_not_touched() {
    fn test<W: Number>() {
        #[repr(align(8))]
        struct Aligned([u8; 16]);
        let mut bytes = Aligned([0x77; 16]);
        let memory = Memory::new(Beyond::NoAccess);
        for shift in 1..size_of::<W>() {
            check_all::<W>(DstBlock::from_slice(&mut bytes.0[shift..]), FaultKind::Misaligned);
            check_all::<W>(memory.block(0, 16).drop_first(shift), FaultKind::Misaligned);
            // Across the end, too.
            check_all::<W>(memory.block(8, 16).drop_first(shift), FaultKind::Misaligned);
        }
        assert_eq!(bytes.0, [0x77; 16]);
    }
    for_every_size!(test);
}

#[test]
fn a_word_is_checked_when_it_is_taken_and_can_be_used_again_and_again() {
    fn test<W: Number>() {
        let size = size_of::<W>();
        let memory = Memory::new(Beyond::NoAccess);
        let word = DstWord::<W>::new(memory.block(16, 16)).unwrap();
        assert_eq!((word.addr(), word.as_source().addr()), (memory.end() - 16, memory.end() - 16));
        assert_eq!(format!("{word:?}"), format!("{:?}", memory.block(16, size)));
        for value in values::<W>() {
            assert_eq!(word.store(value), Ok(()));
            assert_eq!(word.as_source().load(), Ok(value));
            assert_eq!(word.swap(W::of(0)), Ok(value));
        }
        assert_eq!(load::<W>(memory.block(8, 8).as_source()), Ok(W::of(0)));
        // Aligned is what counts, and not what is there.
        let bad = DstWord::<W>::new(memory.block(0, 16)).unwrap();
        let fault = HostFault { kind: Beyond::NoAccess.kind(), addr: memory.end() };
        for _ in 0..3 {
            assert_eq!(bad.store(W::MAX), Err(fault));
            assert_eq!(bad.as_source().load(), Err(fault));
            assert_eq!(word.store(W::MAX), Ok(()));
        }
        for shift in 1..size {
            let block = memory.block(16, 16).drop_first(shift);
            let fault = HostFault { kind: FaultKind::Misaligned, addr: block.addr() };
            assert_eq!(DstWord::<W>::new(block).err(), Some(fault));
        }
    }
    for_every_size!(test);
}

#[test]
fn a_word_behind_the_end_faults_at_its_address() {
    fn test<W: Number>() {
        for beyond in Beyond::ALL {
            let memory = Memory::new(beyond);
            for at in [0, 1, 5, 4096 / size_of::<W>() - 1] {
                let word = memory.block(0, 2 * 4096).drop_first(at * size_of::<W>());
                if beyond == Beyond::ReadOnly {
                    check_stores::<W>(word, beyond.kind());
                    assert_eq!(load::<W>(word.as_source()), Ok(W::of(0)));
                } else {
                    check_all::<W>(word, beyond.kind());
                }
            }
            let last = memory.block(size_of::<W>(), size_of::<W>());
            assert_eq!(swap(last, W::MAX), Ok(W::of(0)));
            assert_eq!(load::<W>(last.as_source()), Ok(W::MAX));
        }
    }
    for_every_size!(test);
}

#[test]
fn pitfall_30_a_failed_comparison_needs_memory_that_may_be_written() {
    fn test<W: Number>() {
        let memory = Memory::new(Beyond::ReadOnly);
        let word = memory.block(0, 8);
        let fault = HostFault { kind: FaultKind::Protection, addr: memory.end() };
        assert_eq!(compare_exchange(word, W::of(1), W::of(2)), Err(fault));
        assert_eq!(compare_exchange(word, W::of(0), W::of(0)), Err(fault));
        assert_eq!(fetch_or(word, W::of(0)), Err(fault));
        assert_eq!(fetch_and(word, W::MAX), Err(fault));
    }
    for_every_size!(test);
}

const THREADS: u64 = 4;
const ROUNDS: u64 = 30_000;

/// Runs `work` in some threads at once, which all begin when the last is there, on one word of
/// memory.
fn in_threads<W: Number>(first: W, work: impl Fn(u64, DstBlock<'_>) + Sync) -> W {
    let memory = Memory::new(Beyond::NoAccess);
    store(memory.block(8, 8), first).unwrap();
    let start = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (memory, work, start) = (&memory, &work, &start);
            scope.spawn(move || {
                start.wait();
                work(thread, memory.block(8, 8));
            });
        }
    });
    load(memory.block(8, 8).as_source()).unwrap()
}

#[test]
fn no_sum_of_many_threads_is_lost() {
    fn test<W: Number>() {
        let added = in_threads(W::of(0), |_, word| {
            for _ in 0..ROUNDS {
                fetch_add(word, W::of(3)).unwrap();
            }
        });
        assert_eq!(added, W::of(3 * THREADS * ROUNDS));
        let exchanged = in_threads(W::of(0), |_, word| {
            for _ in 0..ROUNDS {
                let mut seen: W = load(word.as_source()).unwrap();
                loop {
                    let new = W::of(seen.value().wrapping_add(1));
                    let found = compare_exchange(word, seen, new).unwrap();
                    if found == seen {
                        break;
                    }
                    seen = found;
                }
            }
        });
        assert_eq!(exchanged, W::of(THREADS * ROUNDS));
    }
    for_every_size!(test);
}

#[test]
fn no_bit_of_another_thread_is_lost() {
    fn test<W: Number>() {
        // Each thread has a bit, and is the only one to change it.
        let flipped = in_threads(W::of(0), |thread, word| {
            let bit = 1 << thread;
            for _ in 0..ROUNDS {
                assert_eq!(fetch_or(word, W::of(bit)).unwrap().value() & bit, 0);
                assert_eq!(fetch_and(word, W::of(!bit)).unwrap().value() & bit, bit);
                assert_eq!(fetch_xor(word, W::of(bit)).unwrap().value() & bit, 0);
                assert_eq!(fetch_xor(word, W::of(bit)).unwrap().value() & bit, bit);
            }
            fetch_xor(word, W::of(bit)).unwrap();
        });
        assert_eq!(flipped, W::of((1 << THREADS) - 1));
    }
    for_every_size!(test);
}

#[test]
fn no_token_of_many_threads_is_lost() {
    fn test<W: Number>() {
        let held = Mutex::new(Vec::new());
        let last = in_threads(W::of(THREADS), |thread, word| {
            let mut token = W::of(thread);
            for _ in 0..ROUNDS {
                token = swap(word, token).unwrap();
            }
            held.lock().unwrap().push(token.value());
        });
        let mut tokens = held.into_inner().unwrap();
        tokens.push(last.value());
        tokens.sort_unstable();
        assert_eq!(tokens, (0..=THREADS).collect::<Vec<_>>());
    }
    for_every_size!(test);
}
