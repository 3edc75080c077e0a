//! Rows of guest programs that take their own time.

use std::ffi::OsStr;

use super::Setting;
use crate::report::{Row, Target};
use crate::runner::Runner;

/// What a system call costs that does nothing.
pub(super) fn null_call(setting: &Setting<'_>) -> Result<Option<Row>, String> {
    let calls = setting.size(20_000, 200);
    let targets = &[Target::OfProot(0.1), Target::AtMost(8_000.0)];
    let name = format!("null system call ({calls} × getppid)");
    setting
        .compare(name, targets, |runner| own_time(setting, runner, "null_call", calls, "calls"))
        .map(Some)
}

/// What the first write to a page costs.
pub(super) fn touch(setting: &Setting<'_>) -> Result<Option<Row>, String> {
    let pages = setting.size(16_384, 64);
    let name = format!("touch fresh memory, per page ({pages} pages)");
    let targets = &[Target::OfNative(4.0)];
    setting
        .compare(name, targets, |runner| own_time(setting, runner, "touch", pages, "pages"))
        .map(Some)
}

/// Runs a guest that prints `COUNT WHAT NANOSECONDS ns`, and returns the nanoseconds.
fn own_time(
    setting: &Setting<'_>,
    runner: &Runner,
    guest: &str,
    count: u32,
    what: &str,
) -> Result<f64, String> {
    let argument = count.to_string();
    let (output, _) = runner.run(&setting.fixture.path(guest), &[OsStr::new(&argument)])?;
    let time = output
        .strip_prefix(&format!("{count} {what} "))
        .and_then(|rest| rest.strip_suffix(" ns\n"));
    let time = time.and_then(|time| time.parse().ok());
    time.ok_or_else(|| format!("{runner}: {guest} printed {output:?}"))
}
