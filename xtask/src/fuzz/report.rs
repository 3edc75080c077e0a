//! What libFuzzer says.

/// What is known of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Inputs that were run.
    runs: u64,
    /// Edges of the code that some input reached.
    edges: u64,
    /// Inputs that are kept because each reached something new.
    kept: u64,
    /// The file that holds the input that failed.
    failing: Option<String>,
}

impl Report {
    pub(super) const HEADING: &'static str =
        "target            result          runs   edges reached   inputs kept";

    /// Reads a line; returns whether it is one of those that come now and then, to show progress.
    ///
    /// They look like `#4096  pulse  cov: 433 ft: 2197 corp: 578/16Kb lim: 299 exec/s: 2048 rss: 60Mb`.
    pub(super) fn read(&mut self, line: &str) -> bool {
        if let Some((_, file)) = line.split_once("Test unit written to ") {
            self.failing = Some(file.trim().to_owned());
        }
        let mut words = line.split_whitespace();
        let Some(runs) = words.next().and_then(|word| word.strip_prefix('#')?.parse().ok()) else {
            return false;
        };
        let kind = words.next();
        self.runs = runs;
        while let Some(word) = words.next() {
            let number = |word: Option<&str>| word?.split('/').next()?.parse().ok();
            match word {
                "cov:" => self.edges = number(words.next()).unwrap_or(self.edges),
                "corp:" => self.kept = number(words.next()).unwrap_or(self.kept),
                _ => {}
            }
        }
        matches!(kind, Some("INITED" | "pulse" | "DONE"))
    }

    pub(super) fn progress(&self, target: &str) -> String {
        format!("{target}: {} runs, {} edges, {} inputs", self.runs, self.edges, self.kept)
    }

    /// Returns the row of the table at the end.
    pub(super) fn line(&self, target: &str, is_ok: bool) -> String {
        let result = if is_ok { "ok" } else { "FAILED" };
        format!(
            "{target:<16}  {result:<6}  {:>12}  {:>14}  {:>12}",
            self.runs, self.edges, self.kept
        )
    }

    pub(super) fn failing_input(&self) -> Option<&str> {
        self.failing.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, shown: bool, expected: (u64, u64, u64)) {
        let mut report = Report { runs: 1, edges: 2, kept: 3, failing: None };
        assert_eq!(report.read(line), shown);
        assert_eq!((report.runs, report.edges, report.kept), expected);
    }

    #[test]
    fn numbers_are_read_from_every_line_that_has_some() {
        check("#2\tINITED cov: 4 ft: 5 corp: 6/1b exec/s: 0 rss: 30Mb", true, (2, 4, 6));
        check("#9\tREDUCE cov: 433 ft: 2197 corp: 578/16Kb lim: 299", false, (9, 433, 578));
        check("#4096\tpulse  cov: 433 ft: 2197 corp: 578/16Kb", true, (4096, 433, 578));
        check("#12\tDONE   cov: 433 ft: 2197 corp: 578/16Kb", true, (12, 433, 578));
        check("    #0 0x55dbbc9d031b in __asan_memcpy", false, (0, 2, 3));
        check("INFO: Seed: 493671644", false, (1, 2, 3));
    }

    #[test]
    fn the_failing_input_is_found() {
        let mut report = Report::default();
        assert!(!report.read("artifact_prefix='x/'; Test unit written to x/crash-0af3"));
        assert_eq!(report.failing_input(), Some("x/crash-0af3"));
    }
}
