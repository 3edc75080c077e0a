//! Running one target.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::create;
use super::report::Report;
use crate::process::{Stream, run as run_command, watch};

/// So many lines are shown of what a target says from its failure on; what follows is a long stack.
const SHOWN: usize = 40;

/// A target that was built.
pub(super) struct Target<'a> {
    /// Where fuzzing keeps everything.
    folder: &'a Path,
    name: &'a str,
}

impl<'a> Target<'a> {
    pub(super) fn new(folder: &'a Path, name: &'a str) -> Self {
        Self { folder, name }
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    /// Runs for so long, or until an input fails.
    pub(super) fn fuzz(&self, time: Duration) -> (Report, Result<(), String>) {
        let (corpus, artifacts) = (self.place("corpus"), self.place("artifacts"));
        let mut report = Report::default();
        if let Err(error) = create(&corpus).and_then(|()| create(&artifacts)) {
            return (report, Err(error));
        }
        let mut command = self.command();
        command.arg(format!("-max_total_time={}", time.as_secs().max(1)));
        // Nothing that a program controls may hang or exhaust us.
        command.args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=2048"]);
        command.arg(format!("-artifact_prefix={}/", artifacts.display())).arg(&corpus);
        let mut failure: Vec<String> = Vec::new();
        let limit = time + Duration::from_secs(120);
        let ended = watch(&mut command, Stream::Stderr, limit, |line| {
            if report.read(line) {
                println!("  {}", report.progress(self.name));
            } else if !failure.is_empty() || is_failure(line) {
                failure.push(line.to_owned());
            }
        });
        let result = ended.map_err(|error| {
            failure.truncate(SHOWN);
            println!("{}", failure.join("\n"));
            self.explain(&error, report.failing_input())
        });
        (report, result)
    }

    /// Runs once.
    pub(super) fn try_input(&self, input: &Path) -> Result<(), String> {
        run_command(self.command().arg(input), Duration::from_secs(60))
    }

    fn explain(&self, error: &str, input: Option<&str>) -> String {
        let Some(input) = input else { return format!("{}: {error}", self.name) };
        format!(
            "{}: an input fails; to see it again: cargo xtask fuzz {} --input {input}",
            self.name, self.name
        )
    }

    /// The triple is cargo-fuzz's default: that of the host.
    fn command(&self) -> Command {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut command = Command::new(self.folder.join(triple).join("release").join(self.name));
        // The stack that libFuzzer prints says the same.
        command.env("RUST_BACKTRACE", "0");
        command
    }

    fn place(&self, kind: &str) -> PathBuf {
        self.folder.join(kind).join(self.name)
    }
}

/// Whether a failure begins with this line: a panic, or what the sanitizer or libFuzzer itself found.
fn is_failure(line: &str) -> bool {
    line.contains("panicked at ") || line.contains("ERROR: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_begins_with_its_reason() {
        assert!(is_failure("thread '<unnamed>' (1) panicked at crates/x.rs:30:9:"));
        assert!(is_failure("==31741== ERROR: libFuzzer: timeout after 11 seconds"));
        assert!(!is_failure("INFO: Seed: 493671644"));
    }

    #[test]
    fn a_failure_names_the_command_that_repeats_it() {
        let target = Target::new(Path::new("f"), "strings");
        assert_eq!(
            target.explain("exit status: 77", Some("f/crash-1")),
            "strings: an input fails; to see it again: cargo xtask fuzz strings --input f/crash-1"
        );
        assert_eq!(target.explain("not done", None), "strings: not done");
    }
}
