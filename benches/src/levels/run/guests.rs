//! Rows of guest programs that take their own time.

use std::ffi::OsStr;

use super::{Goal, Programs};
use crate::row::Row;

/// What a system call costs that does nothing.
pub(super) fn null_call(
    programs: &Programs<'_>,
    name: String,
) -> Result<Result<Row, String>, String> {
    let goals =
        [Goal::OfProot(0.06), Goal::BesidePinnedProot, Goal::OfStrace(0.06), Goal::AtMost(8_000.0)];
    own_time(programs, name, &goals, ("null_call", "calls"), (5_000, 50))
}

/// What a read costs that moves sixteen pages of nothing.
pub(super) fn read_zero(
    programs: &Programs<'_>,
    name: String,
) -> Result<Result<Row, String>, String> {
    let goals = [Goal::OfProot(0.2), Goal::OfStrace(0.2)];
    own_time(programs, name, &goals, ("read_zero", "reads"), (5_000, 50))
}

/// What memory costs that is used once and given back.
pub(super) fn map_touch(
    programs: &Programs<'_>,
    name: String,
) -> Result<Result<Row, String>, String> {
    let goals = [Goal::OfProot(0.5), Goal::OfStrace(0.5)];
    own_time(programs, name, &goals, ("map_touch", "pages"), (3_000, 50))
}

/// What the first write to a page costs.
pub(super) fn touch(programs: &Programs<'_>, name: String) -> Result<Result<Row, String>, String> {
    own_time(programs, name, &[Goal::OfNative(4.0)], ("touch", "pages"), (16_384, 64))
}

/// Measures a guest that prints `COUNT WHAT NANOSECONDS ns`.
fn own_time(
    programs: &Programs<'_>,
    name: String,
    goals: &[Goal],
    (guest, what): (&str, &str),
    (full, check): (u32, u32),
) -> Result<Result<Row, String>, String> {
    let count = programs.setting.effort.size(full, check).to_string();
    programs.compare(name, goals, |runner| {
        let (output, _) = runner.run(&programs.fixture.path(guest), &[OsStr::new(&count)])?;
        let time = output
            .strip_prefix(&format!("{count} {what} "))
            .and_then(|rest| rest.strip_suffix(" ns\n"))
            .and_then(|time| time.parse().ok());
        time.ok_or_else(|| format!("{runner}: {guest} printed {output:?}"))
    })
}
