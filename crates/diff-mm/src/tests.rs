//! Tests of the tools themselves.

use super::*;

#[test]
fn scripts_survive_being_written_and_read() {
    let mut generator = Generator::new(7, 100);
    for _ in 0..50 {
        let script = generator.script();
        assert_eq!(script.to_string().parse(), Ok(script));
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = "# a comment\n\nload p3\nload 3x\n".parse::<Script>().unwrap_err();
    assert_eq!(error.to_string(), "line 4: \"3x\" is not understood");
    assert!("munmap p3".parse::<Script>().is_err());
    assert!("load p3 p4".parse::<Script>().is_err());
}

#[test]
fn shrinking_leaves_what_matters() {
    let script = Generator::new(3, 100).script();
    let second_store = |script: &Script| {
        let stores = script.0.iter().enumerate().filter(|(_, step)| step.op == Op::Store);
        stores.map(|(index, _)| index).nth(1)
    };
    assert!(second_store(&script).is_some());
    let shrunk = shrink(script, second_store);
    assert_eq!(shrunk.to_string(), "store p0 144\nstore p0 144\n");
}

#[test]
fn free_places_are_in_the_window() {
    let text = "mmap 0x0 2p rw private|anonymous anon 0p\nmmap p9 1p r private|anonymous anon 0p\n\
                mmap 0x1000000000 1p r private|anonymous anon 0p\nmmap 0x0 1024p r private|anonymous anon 0p\n";
    let script: Script = text.parse().unwrap();
    let expected = [PAGES - 2, 9, PAGES - 3].map(|page| WINDOW + page * PAGE);
    let mut expected = expected.map(|addr| Outcome::Value(addr.cast_signed())).to_vec();
    expected.push(Outcome::Value(-12));
    let outcomes =
        |seen: Vec<Observation>| seen.iter().map(|seen| seen.outcome).collect::<Vec<_>>();
    let space = SoftSpace::null().unwrap();
    assert_eq!(outcomes(run_here(&script, &space, u64::MAX).unwrap()), expected);
    match Host::new() {
        Ok(mut host) => assert_eq!(outcomes(host.run(&script).unwrap()), expected),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::Unsupported),
    }
}
