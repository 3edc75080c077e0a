//! Running one target.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::create;
use super::report::Report;
use crate::process::{Stream, run as run_command, watch};

/// So many of the last lines of a target that failed are shown.
const SHOWN: usize = 60;

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
        let mut last = Vec::new();
        let limit = time + Duration::from_secs(120);
        let ended = watch(&mut command, Stream::Stderr, limit, |line| {
            if report.read(line) {
                println!("  {}", report.progress(self.name));
            } else if !line.starts_with('#') {
                last.push(line.to_owned());
            }
        });
        let result = ended.map_err(|error| {
            let shown = &last[last.len().saturating_sub(SHOWN)..];
            println!("{}", shown.join("\n"));
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
        Command::new(self.folder.join(triple).join("release").join(self.name))
    }

    fn place(&self, kind: &str) -> PathBuf {
        self.folder.join(kind).join(self.name)
    }
}
