//! The memory manager and the host's kernel, by the same scripts.
//!
//! `cargo xtask diff-mm` runs as many more as one likes.

use std::io::ErrorKind;
use std::path::Path;

use diff_mm::{
    Campaign, Generator, Observation, PAGE, Script, SoftSpace, Space, StubSpace, Supply, Verdict,
    run_here, run_here_with,
};
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

/// Enough for every script, and less than half of what there is.
const SCARCE: u64 = 1 << 30;

/// Has `check` look at scripts and spaces in which they can run: where there is no host to compare
/// with, which may be an emulator, a space of little address space.
fn for_scripts(seed: u64, scripts: usize, check: impl Fn(&Script, &dyn Space)) {
    println!("{scripts} scripts from seed {seed}");
    let has_host = cfg!(target_arch = "x86_64");
    let mut generator = Generator::new(seed, STEPS);
    for _ in 0..scripts {
        let script = generator.script();
        let mut spaces = if has_host { soft() } else { Vec::new() };
        if spaces.is_empty() {
            spaces.push(Box::new(SoftSpace::null().expect("nothing is asked of the host")));
        }
        for space in spaces {
            check(&script, &*space);
        }
    }
}

/// What is decided ahead of time while there is plenty must not show.
#[test]
fn scripts_do_the_same_where_memory_is_scarce() {
    for_scripts(4, 60, |script, space| {
        let supply = Supply { room: SCARCE, ..Supply::PLENTY };
        let plenty = run_here(script, space, 1 << 16).unwrap();
        let scarce = run_here_with(script, space, 1 << 16, supply).unwrap();
        for (step, (plenty, scarce)) in plenty.iter().zip(&scarce).enumerate() {
            assert_eq!(plenty.outcome, scarce.outcome, "step {step} of {script}");
            let contents = |observation: &Observation| -> Vec<_> {
                observation.endings.iter().map(|ending| ending.pages.clone()).collect()
            };
            assert_eq!(contents(plenty), contents(scarce), "after step {step} of {script}");
        }
    });
}

/// Nothing but the program fails where there is no memory left, and all is given back.
#[test]
fn scripts_end_where_there_is_no_memory() {
    let rooms = [0, 1, 3, 8, 40].map(|pages| Supply { room: pages * PAGE, ..Supply::PLENTY });
    let limits =
        [60, 70, 100, 200].map(|pages| Supply { limit: Some(pages * PAGE), ..Supply::PLENTY });
    for (seed, supply) in (5..).zip(rooms.into_iter().chain(limits)) {
        for_scripts(seed, 25, |script, space| {
            let seen = run_here_with(script, space, 1 << 16, supply).unwrap();
            assert_eq!(seen.len(), script.0.len(), "{supply:?}");
        });
    }
}
