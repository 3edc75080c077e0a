//! Many threads and one file.

use std::sync::mpsc;

use super::*;

/// A file of many small shards.
fn small_shards(budget: u64) -> Arc<MemoryFile> {
    let options = MemoryFileOptions {
        reservation: 1 << 28,
        recycle_budget: budget,
        ..MemoryFileOptions::default()
    };
    let geometry = Geometry { shard: 16 * PAGE, chunk: 256 * PAGE };
    MemoryFile::with_geometry(options, geometry).unwrap()
}

#[test]
fn threads_do_not_get_each_others_pages() {
    for file in [file(16 * PAGE), small_shards(16 * PAGE), small_shards(0)] {
        std::thread::scope(|scope| {
            for value in 1..=4u8 {
                let file = &file;
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for round in 0..200u64 {
                        let pages = file.allocate((1 + round % 23) * PAGE, TOUCHES).unwrap();
                        assert!(is_zero(&pages));
                        fill(&pages, value);
                        held.push(pages.clone());
                        if round % 3 == 0 {
                            held.swap_remove(round as usize % held.len());
                        }
                        if held.len() > 8 {
                            let gone = held.remove(0);
                            assert!(read(&gone).iter().all(|byte| *byte == value));
                        }
                    }
                });
            }
        });
        assert_eq!((file.allocated_bytes(), file.pages.check()), (0, 0));
    }
}

/// References travel from thread to thread, cut and copied on the way, so that each page is
/// released by whoever happens to be last.
#[test]
fn the_last_of_many_threads_releases() {
    const THREADS: usize = 4;
    let file = small_shards(32 * PAGE);
    std::thread::scope(|scope| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..THREADS).map(|_| mpsc::channel::<(FileRef, u8)>()).unzip();
        for (index, receiver) in receivers.into_iter().enumerate() {
            let (file, next) = (&file, senders[(index + 1) % THREADS].clone());
            scope.spawn(move || {
                for round in 0..300u64 {
                    let pages = (1 + (round * 7 + index as u64) % 60) * PAGE;
                    let value = 1 + (round % 250) as u8;
                    let mut pages = file.allocate(pages, TOUCHES).unwrap();
                    fill(&pages, value);
                    let copy = pages.clone();
                    if pages.range().len() > PAGE {
                        let rest =
                            pages.split_off(PAGE * (1 + round % (pages.range().len() / PAGE - 1)));
                        // Whoever ended has dropped its receiver, and what is sent is dropped too.
                        let _ = next.send((rest, value));
                    }
                    drop(pages);
                    let _ = next.send((copy, value));
                    while let Ok((pages, value)) = receiver.try_recv() {
                        assert!(read(&pages).iter().all(|byte| *byte == value));
                    }
                }
            });
        }
        drop(senders);
    });
    assert_eq!((file.allocated_bytes(), file.pages.check()), (0, 0));
    // No page is lost: all of the file can be had at once.
    let size = file.pages.size();
    assert!(file.allocate(size, AllocOpts::default()).is_ok());
    assert_eq!(file.pages.size(), size);
}
