//! What the host offers, and what to change where it does not suffice.

use std::process::ExitCode;

use crate::failure::OURS;

/// Prints a line per check; fails when programs cannot be run here.
pub(crate) fn examine() -> ExitCode {
    let checks = platform::probe();
    let mut failed = 0;
    for check in &checks {
        let mark = if check.ok { "ok" } else { "NO" };
        println!("{mark:<4}{:<28}{}", check.name, check.detail);
        if !check.ok {
            failed += 1;
            println!("    {:<28}{}", "", check.fix);
        }
    }
    if failed == 0 {
        println!("programs can be run here");
        ExitCode::SUCCESS
    } else {
        println!("{failed} of {} checks failed: programs cannot be run here", checks.len());
        ExitCode::from(OURS)
    }
}
