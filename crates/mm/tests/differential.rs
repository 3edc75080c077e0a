//! The memory manager and the host's kernel, by the same scripts.
//!
//! `cargo xtask diff-mm` runs as many more as one likes.

use std::io::ErrorKind;
use std::path::Path;

use diff_mm::{Campaign, Generator, Script, SoftSpace, Space, Verdict};

const STEPS: usize = 100;

/// Prepares to compare on every kind of address space, where there is something to compare with.
fn campaigns() -> Vec<Campaign> {
    let null: Box<dyn Space> = Box::new(SoftSpace::null().expect("nothing is asked of the host"));
    let mirror: Box<dyn Space> = Box::new(SoftSpace::mirror().expect("the host grants a window"));
    [null, mirror]
        .into_iter()
        .filter_map(|space| match Campaign::new(space) {
            Ok(campaign) => Some(campaign),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                eprintln!("skipped: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        })
        .collect()
}

#[test]
fn scripts_that_once_differed_agree() {
    let mut campaigns = campaigns();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut count = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let script: Script = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for campaign in &mut campaigns {
            let verdict = campaign.run(&script).unwrap();
            assert!(matches!(verdict, Verdict::Same), "{}: {verdict:?}", path.display());
        }
        count += 1;
    }
    assert!(count > 10, "{count} scripts");
}

#[track_caller]
fn check(seed: u64, scripts: usize) {
    println!("{scripts} scripts from seed {seed}");
    for mut campaign in campaigns() {
        let mut generator = Generator::new(seed, STEPS);
        for _ in 0..scripts {
            match campaign.check(generator.script()) {
                Ok(Ok(_)) => {}
                Ok(Err(finding)) => panic!("seed {seed}: {finding}"),
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
    }
}

#[test]
fn the_same_scripts_agree_every_time() {
    check(1, 200);
}

#[test]
fn other_scripts_agree_each_time() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    check(now.as_nanos() as u64, 50);
}
