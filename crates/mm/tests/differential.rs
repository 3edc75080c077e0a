//! The memory manager and the host's kernel, by the same scripts.
//!
//! `cargo xtask diff-mm` runs as many more as one likes.

use std::io::ErrorKind;
use std::path::Path;

use diff_mm::{Campaign, Generator, Script, SoftSpace, Space, StubSpace, Verdict};
use usermem_types::Errno;

const STEPS: usize = 100;

/// Prepares to compare over address spaces, where there is something to compare with.
fn campaign(spaces: fn() -> Vec<Box<dyn Space>>) -> Option<Campaign> {
    match Campaign::new(spaces) {
        Ok(campaign) => Some(campaign),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Returns the address spaces with a processor in software.
fn soft() -> Vec<Box<dyn Space>> {
    vec![
        Box::new(SoftSpace::null().expect("nothing is asked of the host")),
        Box::new(SoftSpace::mirror().expect("the host grants a window")),
    ]
}

/// Returns all address spaces that this machine can have.
fn all() -> Vec<Box<dyn Space>> {
    let mut spaces = soft();
    match StubSpace::new() {
        Ok(space) => spaces.push(Box::new(space)),
        Err(error) if error.errno == Errno::ENOSYS => eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}; `usermem doctor` says what to change"),
    }
    spaces
}

#[test]
fn scripts_that_once_differed_agree() {
    let Some(mut campaign) = campaign(all) else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut count = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let script: Script = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for (space, verdict) in campaign.run(&script).unwrap() {
            assert!(matches!(verdict, Verdict::Same), "{}, {space}: {verdict:?}", path.display());
        }
        count += 1;
    }
    assert!(count > 10, "{count} scripts");
}

#[track_caller]
fn check(spaces: fn() -> Vec<Box<dyn Space>>, seed: u64, scripts: usize) {
    println!("{scripts} scripts from seed {seed}");
    let Some(mut campaign) = campaign(spaces) else { return };
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
    check(soft, 1, 200);
}

#[test]
fn the_same_scripts_agree_where_instructions_are_real() {
    check(all, 1001, 40);
}

#[test]
fn other_scripts_agree_each_time() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    check(all, now.as_nanos() as u64, 50);
}
