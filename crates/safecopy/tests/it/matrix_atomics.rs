//! Every atomic access at every distance from an edge, on both sides of it.

use std::fmt::Debug;

use safecopy::atomic::{self, Word};
use safecopy::{DstBlock, HostFault};
use usermem_types::FaultKind;

use crate::memory::{Beyond, Edge, with_each_back_end};

const LAST: usize = 6000;

/// What each back end is put through: 5 ways × 8 accesses × 4 widths × 6001 places on each side.
const CASES: usize = 1_920_320;

/// A word with arithmetic of the standard library, to compare with.
trait Expected: Word {
    fn from_byte(byte: u8) -> Self;
    fn plus(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
}

/// Implements the same five lines for integers that share no trait in the standard library.
macro_rules! expected {
    ($($word:ty)*) => {$(
        impl Expected for $word {
            fn from_byte(byte: u8) -> Self {
                Self::from_ne_bytes([byte; size_of::<Self>()])
            }
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn and(self, other: Self) -> Self {
                self & other
            }
            fn or(self, other: Self) -> Self {
                self | other
            }
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
        }
    )*};
}
expected!(u8 u16 u32 u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Load,
    Store,
    Swap,
    CompareExchange,
    Add,
    And,
    Or,
    Xor,
}

impl Access {
    const ALL: [Self; 8] = [
        Self::Load,
        Self::Store,
        Self::Swap,
        Self::CompareExchange,
        Self::Add,
        Self::And,
        Self::Or,
        Self::Xor,
    ];

    fn run<W: Expected>(self, word: DstBlock<'_>, old: W, operand: W) -> Result<W, HostFault> {
        match self {
            Self::Load => atomic::load(word.as_source()),
            Self::Store => atomic::store(word, operand).map(|()| old),
            Self::Swap => atomic::swap(word, operand),
            Self::CompareExchange => atomic::compare_exchange(word, old, operand),
            Self::Add => atomic::fetch_add(word, operand),
            Self::And => atomic::fetch_and(word, operand),
            Self::Or => atomic::fetch_or(word, operand),
            Self::Xor => atomic::fetch_xor(word, operand),
        }
    }

    fn result<W: Expected>(self, old: W, operand: W) -> W {
        match self {
            Self::Load => old,
            Self::Store | Self::Swap | Self::CompareExchange => operand,
            Self::Add => old.plus(operand),
            Self::And => old.and(operand),
            Self::Or => old.or(operand),
            Self::Xor => old.xor(operand),
        }
    }
}

fn run<W: Expected + Debug>(access: Access, beyond: Beyond) -> usize {
    let edge = Edge::new(beyond);
    let mut cases = 0;
    for distance in 0..=LAST {
        // Behind the edge, all of it or the part that a misaligned word would reach.
        let word = edge.dst(0, distance + size_of::<W>()).drop_first(distance);
        let (old, operand) = (W::from_byte(0), W::from_byte(0x5a));
        let expected = if !distance.is_multiple_of(size_of::<W>()) {
            Err(HostFault { kind: FaultKind::Misaligned, addr: word.addr() })
        } else if beyond == Beyond::ReadOnly && access == Access::Load {
            Ok(old)
        } else {
            Err(HostFault { kind: beyond.kind(), addr: word.addr() })
        };
        assert_eq!(access.run(word, old, operand), expected, "{access:?} {beyond:?} +{distance}");
        cases += 1;

        let word = edge.dst(distance, size_of::<W>());
        if !distance.is_multiple_of(size_of::<W>()) {
            let expected = Err(HostFault { kind: FaultKind::Misaligned, addr: word.addr() });
            assert_eq!(
                access.run(word, old, operand),
                expected,
                "{access:?} {beyond:?} -{distance}"
            );
        } else if distance != 0 {
            let around =
                edge.dst(distance + 8, 8 + size_of::<W>() + 8.min(distance - size_of::<W>()));
            let old = W::from_byte(distance as u8 | 1);
            for at in 0..around.len() {
                let byte =
                    if (8..8 + size_of::<W>()).contains(&at) { distance as u8 | 1 } else { 0xee };
                // SAFETY: the bytes are before the edge, and no reference to them exists.
                unsafe { around.as_ptr().wrapping_add(at).write_volatile(byte) };
            }
            assert_eq!(access.run(word, old, operand), Ok(old), "{access:?} -{distance}");
            // SAFETY: as above; a word of this size may be anywhere.
            let new = unsafe { word.as_ptr().cast::<W>().read_volatile() };
            assert_eq!(new, access.result(old, operand), "{access:?} -{distance}");
            for at in (0..8).chain(8 + size_of::<W>()..around.len()) {
                // SAFETY: as above.
                let byte = unsafe { around.as_ptr().wrapping_add(at).read_volatile() };
                assert_eq!(byte, 0xee, "{access:?} -{distance}: a neighbour changed");
            }
        }
        cases += 1;
    }
    cases
}

#[test]
fn every_atomic_access_faults_at_its_address() {
    let back_ends = with_each_back_end(|back_end| {
        let mut cases = 0;
        for beyond in Beyond::UNWRITABLE {
            for access in Access::ALL {
                cases += run::<u8>(access, beyond) + run::<u16>(access, beyond);
                cases += run::<u32>(access, beyond) + run::<u64>(access, beyond);
            }
        }
        println!("{back_end}: {cases} cases of atomic accesses");
        assert_eq!(cases, CASES);
    });
    println!("all back ends: {} cases", back_ends * CASES);
}
