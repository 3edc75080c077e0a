//! The memory manager and the host's kernel, by the same scripts.
//!
//! `cargo xtask diff-mm` runs as many more as one likes.

use std::io::ErrorKind;
use std::path::Path;

use diff_mm::{Campaign, Generator, NullSpace, Script, Verdict};

const STEPS: usize = 100;

/// Prepares to compare, where there is something to compare with.
fn campaign() -> Option<Campaign> {
    match Campaign::new(Box::new(NullSpace::default())) {
        Ok(campaign) => Some(campaign),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn scripts_that_once_differed_agree() {
    let Some(mut campaign) = campaign() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut count = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let script: Script = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let verdict = campaign.run(&script).unwrap();
        assert!(matches!(verdict, Verdict::Same), "{}: {verdict:?}", path.display());
        count += 1;
    }
    assert!(count > 10, "{count} scripts");
}

#[track_caller]
fn check(seed: u64, scripts: usize) {
    let Some(mut campaign) = campaign() else { return };
    println!("{scripts} scripts from seed {seed}");
    let mut generator = Generator::new(seed, STEPS);
    for _ in 0..scripts {
        match campaign.check(generator.script()) {
            Ok(Ok(_)) => {}
            Ok(Err(finding)) => panic!("seed {seed}: {finding}"),
            Err(error) => panic!("seed {seed}: {error}"),
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
