//! Random programs against a table of pages.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use usermem_types::AccessType;

use crate::machine::Machine;
use crate::rig::{PAGE, Rig, Signal, byte, denied, page, unmapped};

/// Pages that programs use.
const PAGES: u64 = 24;
const MADV_DONTNEED: i32 = 4;

/// What a program, or the kernel for it, does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Map(u64, u64, AccessType),
    Unmap(u64, u64),
    Protect(u64, u64, AccessType),
    Discard(u64, u64),
    Store(u64, u8),
    Poke(u64, u8),
    Look(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let page = || 0..PAGES;
    let count = || 1..8u64;
    let access = (0..8u32).prop_map(AccessType::from_prot);
    prop_oneof![
        3 => (page(), count(), access.clone()).prop_map(|(at, n, access)| Step::Map(at, n, access)),
        2 => (page(), count()).prop_map(|(at, n)| Step::Unmap(at, n)),
        3 => (page(), count(), access).prop_map(|(at, n, access)| Step::Protect(at, n, access)),
        1 => (page(), count()).prop_map(|(at, n)| Step::Discard(at, n)),
        8 => (page(), any::<u8>()).prop_map(|(at, value)| Step::Store(at, value)),
        4 => (page(), any::<u8>()).prop_map(|(at, value)| Step::Poke(at, value)),
        8 => page().prop_map(Step::Look),
    ]
}

/// A page as the table has it: what was asked for, and the one byte that is ever written.
type Entry = Option<(AccessType, u8)>;

struct Table(Vec<Entry>);

impl Table {
    fn slice(&mut self, at: u64, count: u64) -> &mut [Entry] {
        let (at, end) = (at as usize, (at + count) as usize);
        &mut self.0[at..end]
    }

    /// Returns what an access comes to.
    fn expect(&self, at: u64, wanted: AccessType) -> Result<u8, Signal> {
        match self.0[at as usize] {
            None => Err(unmapped(target(at))),
            Some((access, value)) if access.effective().superset_of(wanted) => Ok(value),
            Some(_) => Err(denied(target(at))),
        }
    }
}

/// Where the byte of a page is.
fn target(at: u64) -> usermem_types::Addr {
    byte(at, at * 11)
}

fn run<M: Machine>(steps: &[Step]) {
    let mut rig = Rig::<M>::new();
    let mut table = Table(vec![None; 2 * PAGES as usize]);
    for step in steps {
        match *step {
            Step::Map(at, count, access) => {
                rig.map(at, count, access);
                table.slice(at, count).fill(Some((access, 0)));
            }
            Step::Unmap(at, count) => {
                rig.unmap(at, count);
                table.slice(at, count).fill(None);
            }
            Step::Protect(at, count, access) => {
                let done = rig.mm.mprotect(page(at), count * PAGE, access.prot());
                // What comes before the first hole is changed in any case.
                let mapped = table.slice(at, count).iter().take_while(|entry| entry.is_some());
                let mapped = mapped.count() as u64;
                assert_eq!(done.is_ok(), mapped == count);
                for entry in table.slice(at, mapped).iter_mut().flatten() {
                    entry.0 = access;
                }
            }
            Step::Discard(at, count) => {
                let done = rig.mm.madvise(page(at), count * PAGE, MADV_DONTNEED);
                assert_eq!(done.is_ok(), table.slice(at, count).iter().all(Option::is_some));
                for entry in table.slice(at, count).iter_mut().flatten() {
                    entry.1 = 0;
                }
            }
            Step::Store(at, value) => {
                let expected = table.expect(at, AccessType::WRITE);
                assert_eq!(rig.store(target(at), value), expected.map(drop), "{step:?}");
                if expected.is_ok() {
                    table.slice(at, 1)[0].as_mut().unwrap().1 = value;
                }
            }
            Step::Poke(at, value) => {
                let expected = table.expect(at, AccessType::WRITE);
                assert_eq!(rig.poke(target(at), value).is_ok(), expected.is_ok(), "{step:?}");
                if expected.is_ok() {
                    table.slice(at, 1)[0].as_mut().unwrap().1 = value;
                }
            }
            Step::Look(at) => {
                let expected = table.expect(at, AccessType::READ);
                assert_eq!(rig.load(target(at)), expected, "{step:?}");
                assert_eq!(rig.peek(target(at)).ok(), expected.ok(), "{step:?}");
            }
        }
    }
    for at in 0..2 * PAGES {
        let expected = table.expect(at, AccessType::READ);
        assert_eq!(rig.load(target(at)), expected, "at the end, page {at}");
    }
    drop(rig.mm);
    assert_eq!(rig.memory.allocated_bytes(), 0);
}

pub(super) fn random_programs_see_what_a_table_says<M: Machine>() {
    let cases = Config::default().cases.min(M::CASES);
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    let run = |steps: Vec<Step>| {
        run::<M>(&steps);
        Ok(())
    };
    runner.run(&vec(step(), 1..80), run).unwrap();
}
