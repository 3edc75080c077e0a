//! The memory manager and the host's kernel, by the same scripts.
//!
//! `cargo xtask diff-mm` runs as many more as one likes.

use std::io::ErrorKind;
use std::path::Path;

use diff_mm::{Campaign, Generator, Script, SoftSpace, Space, StubSpace, Verdict};
use usermem_types::Errno;

const STEPS: usize = 100;

/// Prepares to compare over an address space, where there is something to compare with.
fn campaign(space: Box<dyn Space>) -> Option<Campaign> {
    match Campaign::new(space) {
        Ok(campaign) => Some(campaign),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn null() -> Option<Campaign> {
    campaign(Box::new(SoftSpace::null().expect("nothing is asked of the host")))
}

fn mirror() -> Option<Campaign> {
    campaign(Box::new(SoftSpace::mirror().expect("the host grants a window")))
}

fn ptrace() -> Option<Campaign> {
    match StubSpace::new() {
        Ok(space) => campaign(Box::new(space)),
        Err(error) if error.errno == Errno::ENOSYS => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}; `usermem doctor` says what to change"),
    }
}

#[test]
fn scripts_that_once_differed_agree() {
    let mut campaigns: Vec<_> = [null(), mirror(), ptrace()].into_iter().flatten().collect();
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
fn check(campaign: Option<Campaign>, seed: u64, scripts: usize) {
    println!("{scripts} scripts from seed {seed}");
    let Some(mut campaign) = campaign else { return };
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
    check(null(), 1, 200);
    check(mirror(), 1, 200);
}

#[test]
fn the_same_scripts_agree_where_instructions_are_real() {
    check(ptrace(), 1, 40);
}

#[test]
fn other_scripts_agree_each_time() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = now.as_nanos() as u64;
    check(null(), seed, 50);
    check(mirror(), seed, 50);
    check(ptrace(), seed, 10);
}
