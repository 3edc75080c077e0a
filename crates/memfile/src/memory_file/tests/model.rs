//! Random allocation, sharing and freeing against a count per page.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;

use super::*;

/// What is done to the references that are held; numbers choose among them.
#[derive(Clone, Debug)]
enum Step {
    Allocate { pages: u64, opts: AllocOpts },
    Clone(usize),
    Split(usize, u64),
    Merge(usize, usize),
    Drop(usize),
    Fill(usize, u8),
    Decommit(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let direction = prop_oneof![Just(Direction::BottomUp), Just(Direction::TopDown)];
    let commit = prop_oneof![Just(Commit::Lazy), Just(Commit::CallerTouches), Just(Commit::Now)];
    let near = proptest::option::of((0..40u64).prop_map(|page| page * PAGE));
    let shown_at = proptest::option::of((0..1000u64).prop_map(|page| page * PAGE));
    let opts =
        (direction, near, shown_at, commit).prop_map(|(direction, near, shown_at, commit)| {
            AllocOpts { direction, near, shown_at, huge: false, commit }
        });
    let step = prop_oneof![
        4 => (1..40u64, opts).prop_map(|(pages, opts)| Step::Allocate { pages, opts }),
        2 => any::<usize>().prop_map(Step::Clone),
        3 => (any::<usize>(), any::<u64>()).prop_map(|(at, len)| Step::Split(at, len)),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Step::Merge(a, b)),
        4 => any::<usize>().prop_map(Step::Drop),
        3 => (any::<usize>(), 1..=u8::MAX).prop_map(|(at, value)| Step::Fill(at, value)),
        1 => any::<usize>().prop_map(Step::Decommit),
    ];
    vec(step, 0..60)
}

/// Pages of a model: how many references, and what every byte is.
type ModelPages = BTreeMap<u64, (u64, u8)>;

fn model_pages(pages: &FileRef) -> impl Iterator<Item = u64> + use<> {
    (pages.range().start..pages.range().end).step_by(PAGE as usize)
}

fn check(file: &MemoryFile, held: &[FileRef], model: &ModelPages) {
    assert_eq!(file.allocated_bytes(), model.len() as u64 * PAGE);
    for pages in held {
        let bytes = read(pages);
        for (page, bytes) in model_pages(pages).zip(bytes.chunks(PAGE as usize)) {
            let (refs, value) = model[&page];
            assert!(bytes.iter().all(|byte| *byte == value), "page {page:#x} is not {value}");
            assert_eq!(file.has_unique_ref(FileRange::new(page, page + PAGE)), refs == 1);
        }
        let unique = model_pages(pages).all(|page| model[&page].0 == 1);
        assert_eq!(file.has_unique_ref(pages.range()), unique);
    }
}

/// Does one step to the references and to the model.
fn apply(file: &Arc<MemoryFile>, held: &mut Vec<FileRef>, model: &mut ModelPages, step: Step) {
    let count = held.len();
    if count == 0 && !matches!(step, Step::Allocate { .. }) {
        return;
    }
    match step {
        Step::Allocate { pages, opts } => {
            let pages = file.allocate(pages * PAGE, opts).unwrap();
            for page in model_pages(&pages) {
                assert_eq!(model.insert(page, (1, 0)), None, "page {page:#x} was in use");
            }
            held.push(pages);
        }
        Step::Clone(at) => {
            let pages = held[at % count].clone();
            for page in model_pages(&pages) {
                model.get_mut(&page).unwrap().0 += 1;
            }
            held.push(pages);
        }
        Step::Split(at, len) => {
            let pages = &mut held[at % count];
            let num_pages = pages.range().len() / PAGE;
            if num_pages > 1 {
                let rest = pages.split_off((1 + len % (num_pages - 1)) * PAGE);
                held.push(rest);
            }
        }
        Step::Merge(a, b) => {
            let next = held.swap_remove(b % count);
            let merged = match held.get_mut(a % count) {
                Some(pages) => pages.try_merge(next),
                None => Err(next),
            };
            held.extend(merged.err());
        }
        Step::Drop(at) => {
            let pages = held.swap_remove(at % count);
            for page in model_pages(&pages) {
                let refs = &mut model.get_mut(&page).unwrap().0;
                *refs -= 1;
                if *refs == 0 {
                    model.remove(&page);
                }
            }
        }
        Step::Fill(at, value) => {
            fill(&held[at % count], value);
            for page in model_pages(&held[at % count]) {
                model.get_mut(&page).unwrap().1 = value;
            }
        }
        Step::Decommit(at) => {
            file.decommit(held[at % count].range()).unwrap();
            for page in model_pages(&held[at % count]) {
                model.get_mut(&page).unwrap().1 = 0;
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 64, ..Config::default() })]

    /// Against a count and a value per page, in a file of small shards: allocations, references
    /// and releases reach over many of them.
    #[test]
    fn behaves_like_a_count_per_page(steps in steps(), budget in 0..40u64, shard in 2..6u32) {
        let options = MemoryFileOptions {
            reservation: 1 << 26,
            recycle_budget: budget * PAGE,
            ..MemoryFileOptions::default()
        };
        let geometry = Geometry { shard: PAGE << shard, chunk: 64 * PAGE };
        let file = MemoryFile::with_geometry(options, geometry).unwrap();
        let mut held = Vec::new();
        let mut model = ModelPages::new();
        for step in steps {
            apply(&file, &mut held, &mut model, step);
            check(&file, &held, &model);
            file.pages.check();
        }
        held.clear();
        assert_eq!(file.allocated_bytes(), 0);
        assert_eq!(file.pages.check(), 0);
        // Nothing is lost: all of it can be had in one piece.
        let size = file.pages.size();
        if size > 0 {
            let all = file.allocate(size, AllocOpts::default()).unwrap();
            assert!(is_zero(&all));
            assert_eq!((all.range().start, file.pages.size()), (0, size));
        }
    }
}
