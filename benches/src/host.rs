//! The machine that measures: its processors, and who else uses them.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The machine that measures.
#[derive(Debug)]
pub(crate) struct Host {
    /// Processors that we may use.
    cpus: Vec<usize>,
    before: Option<Busy>,
}

/// Time that the processors spent, in the host's ticks.
#[derive(Clone, Copy, Debug)]
struct Busy {
    all: u64,
    busy: u64,
    own: u64,
}

impl Host {
    /// Looks at the machine, and stays on one processor from now on, with every process that is started later.
    ///
    /// # Errors
    ///
    /// When the host does not say, or refuses.
    pub(crate) fn pinned() -> Result<Self, String> {
        let failed = |error: rustix::io::Errno| format!("the affinity of this process: {error}");
        let set = sched_getaffinity(None).map_err(failed)?;
        let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect();
        let host = Self { cpus, before: busy() };
        host.pin_to(0)?;
        Ok(host)
    }

    /// Moves this thread to one of the processors that we may use.
    ///
    /// # Errors
    ///
    /// When the host refuses.
    pub(crate) fn pin_to(&self, index: usize) -> Result<(), String> {
        let cpu = self.cpus[index % self.cpus.len()];
        let mut set = CpuSet::new();
        set.set(cpu);
        sched_setaffinity(None, &set).map_err(|error| format!("processor {cpu}: {error}"))
    }

    /// Runs `action`, and starts what it starts, on all processors that we may use.
    ///
    /// # Errors
    ///
    /// When the host refuses; its own.
    pub(crate) fn unpinned<T>(
        &self,
        action: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        let mut set = CpuSet::new();
        self.cpus.iter().for_each(|cpu| set.set(*cpu));
        sched_setaffinity(None, &set).map_err(|error| format!("every processor: {error}"))?;
        let result = action();
        self.pin_to(0)?;
        result
    }

    /// Returns how many processors we may use.
    pub(crate) fn cpus(&self) -> usize {
        self.cpus.len()
    }

    /// Returns the part of all processors' time that others have used since the start.
    pub(crate) fn used_by_others(&self) -> Option<f64> {
        let (before, after) = (self.before?, busy()?);
        let all = after.all.checked_sub(before.all).filter(|all| *all > 0)?;
        let own = after.own.saturating_sub(before.own);
        Some((after.busy - before.busy).saturating_sub(own) as f64 / all as f64)
    }

    /// Returns what a reader of a record should know of the machine.
    pub(crate) fn describe(&self) -> String {
        let first = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            writeln!(text, "{name:<12}{value}").expect("writing to a string does not fail");
        };
        line("processor", &cpuinfo("model name"));
        line("features", &features().join(" "));
        line("processors", &self.cpus().to_string());
        line("kernel", kernel.trim());
        line("compiler", &first(output("rustc", &["--version"])));
        line("commit", &first(output("git", &["describe", "--always", "--dirty", "--abbrev=12"])));
        line("load", load.trim());
        if let Some(part) = self.used_by_others() {
            line("others", &format!("used {:.0} % of all processors meanwhile", part * 100.0));
        }
        text
    }

    /// Returns what may make the figures say less, a line each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.cpus() == 1 {
            warnings.push("one processor: rows of two threads are left out".to_owned());
        }
        if let Some(part) = self.used_by_others().filter(|part| *part > 0.05) {
            warnings.push(format!(
                "busy neighbours: others used {:.0} % of all processors meanwhile; look at the spread",
                part * 100.0
            ));
        }
        if std::env::consts::ARCH == "x86_64" && !features().contains(&"avx512f".to_owned()) {
            let message = "no AVX-512: copies use narrower moves than the targets assume";
            warnings.push(message.to_owned());
        }
        warnings
    }
}

/// Features that copies choose by.
const FEATURES: &[&str] =
    &["avx", "avx2", "avx512f", "avx512vl", "erms", "fsrm", "pcid", "hypervisor", "atomics"];

/// Returns those of the processor's features that matter here.
fn features() -> Vec<String> {
    let all = format!("{} {}", cpuinfo("flags"), cpuinfo("Features"));
    all.split(' ').filter(|flag| FEATURES.contains(flag)).map(str::to_owned).collect()
}

/// Returns what the host says of its first processor under a name, nothing when it says nothing.
fn cpuinfo(name: &str) -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim()).to_owned()
}

/// Returns what a program prints, nothing when it is not there.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn busy() -> Option<Busy> {
    let numbers = |text: &str| -> Vec<u64> {
        text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let all = numbers(stat.lines().next()?);
    // user nice system idle iowait irq softirq steal; what guests use is in user already.
    let all = all.get(..8)?;
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything, but ends with the last parenthesis.
    let own: Vec<&str> = own.rsplit_once(')')?.1.split_whitespace().collect();
    // utime stime cutime cstime are the fields 14 to 17 of all, 12 to 15 of those after the name.
    let own = numbers(&own.get(11..15)?.join(" ")).iter().sum();
    let idle = all.get(3)? + all.get(4)?;
    let all: u64 = all.iter().sum();
    Some(Busy { all, busy: all - idle, own })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        let host = Host { cpus: vec![0], before: busy() };
        let text = host.describe();
        for name in ["processor", "features", "processors", "kernel", "compiler", "load"] {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
        }
        assert!(host.warnings()[0].starts_with("one processor"));
    }
}
