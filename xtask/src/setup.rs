//! Packages of the host that tests and checks want.
//!
//! Nothing here is needed to build or to run the command: a test whose program is missing is skipped by name. An
//! unattended run installs them so that it skips nothing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::nightly::Nightly;
use crate::process::{cargo, find_program, run as run_command};

/// How one tells that a package is there.
enum Probe {
    Program(&'static str),
    File(&'static str),
}

/// A Debian package, and what wants it.
pub(crate) struct Package {
    name: &'static str,
    probe: Probe,
    wanted_by: &'static str,
}

const fn program(name: &'static str, program: &'static str, wanted_by: &'static str) -> Package {
    Package { name, probe: Probe::Program(program), wanted_by }
}

const PROGRAMS: &str = "programs compared with native runs";
const BENCHES: &str = "benches";
/// Not in every release of Debian; without them, benchmarks say what they were not compared with.
const PEERS: &str = "benches (peers)";
const CROSS: &str = "cross";

/// Everything that the workspace's tests, benchmarks and checks use.
pub(crate) const PACKAGES: &[Package] = &[
    program("gcc", "cc", "guest programs written in C"),
    program("busybox-static", "busybox", PROGRAMS),
    program("sqlite3", "sqlite3", PROGRAMS),
    program("python3", "python3", PROGRAMS),
    program("perl", "perl", PROGRAMS),
    program("xz-utils", "xz", PROGRAMS),
    program("gzip", "gzip", PROGRAMS),
    program("tar", "tar", PROGRAMS),
    program("gawk", "gawk", PROGRAMS),
    program("mawk", "mawk", PROGRAMS),
    program("file", "file", PROGRAMS),
    program("bc", "bc", PROGRAMS),
    program("procps", "ps", "tests that look for leftover processes"),
    program("strace", "strace", "comparison of traces"),
    program("proot", "proot", BENCHES),
    Package {
        name: "golang-1.19-go",
        probe: Probe::File("/usr/lib/go-1.19/bin/go"),
        wanted_by: PEERS,
    },
    Package {
        name: "golang-gvisor-gvisor-dev",
        probe: Probe::File("/usr/share/gocode/src/gvisor.dev/gvisor/pkg/sentry/mm"),
        wanted_by: PEERS,
    },
    program("hyperfine", "hyperfine", BENCHES),
    program("valgrind", "valgrind", "counts"),
    program("binutils", "objdump", "asm"),
    program("gcc-aarch64-linux-gnu", "aarch64-linux-gnu-gcc", CROSS),
    Package {
        name: "libc6-dev-arm64-cross",
        probe: Probe::File("/usr/aarch64-linux-gnu/lib/libc.a"),
        wanted_by: CROSS,
    },
    program("qemu-user-static", "qemu-aarch64-static", CROSS),
];

/// The compiler and standard library for aarch64, wanted where rustup's target is not installed.
pub(crate) const CROSS_COMPILER: &[Package] = &[
    Package { name: "rustc-web", probe: Probe::File("/usr/bin/rustc"), wanted_by: CROSS },
    Package {
        name: "libstd-rust-web-dev:arm64",
        probe: Probe::File("/usr/lib/rustlib/aarch64-unknown-linux-gnu/lib"),
        wanted_by: CROSS,
    },
];

/// A program that cargo installs.
pub(crate) struct Tool {
    name: &'static str,
}

/// Wanted by `cargo xtask fuzz`, where there is a nightly compiler.
pub(crate) const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz" };

impl Tool {
    pub(crate) fn is_missing(&self) -> bool {
        let own = env::var_os("CARGO_HOME").map(PathBuf::from);
        let own = own.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")));
        let is_own = own.is_some_and(|folder| folder.join("bin").join(self.name).is_file());
        !is_own && find_program(self.name).is_none()
    }

    pub(crate) fn how_to_install(&self) -> String {
        format!("cargo install {} --locked", self.name)
    }

    /// # Errors
    ///
    /// When cargo cannot get or build it.
    pub(crate) fn install(&self) -> Result<(), String> {
        let mut command = cargo();
        run_command(command.args(["install", self.name, "--locked"]), Duration::from_secs(10 * 60))
    }
}

impl Package {
    pub(crate) fn is_missing(&self) -> bool {
        match self.probe {
            Probe::Program(name) => find_program(name).is_none(),
            Probe::File(path) => !Path::new(path).exists(),
        }
    }
}

/// Returns the packages of `list` that are not there, optionally only those that `wanted_by` wants.
pub(crate) fn missing<'a>(list: &'a [Package], wanted_by: Option<&str>) -> Vec<&'a Package> {
    list.iter()
        .filter(|package| {
            wanted_by.is_none_or(|name| package.wanted_by == name) && package.is_missing()
        })
        .collect()
}

/// Returns everything that `cargo xtask cross` lacks.
pub(crate) fn missing_for_cross(needs_compiler: bool) -> Vec<&'static Package> {
    let mut packages = missing(PACKAGES, Some(CROSS));
    if needs_compiler {
        packages.extend(missing(CROSS_COMPILER, None));
    }
    packages
}

/// Says what is missing, and installs it when `install` says so.
///
/// # Errors
///
/// When a package cannot be installed. What is merely missing is no error: its tests are skipped by name.
pub(crate) fn run(install: bool) -> Result<(), String> {
    let mut packages = missing(PACKAGES, None);
    if !crate::cross::rustup_has_target() {
        packages.extend(missing(CROSS_COMPILER, None));
    }
    // Without the compiler that it needs, it would be of no use.
    let tool = Some(CARGO_FUZZ).filter(|tool| tool.is_missing() && Nightly::find().is_ok());
    if let Some(tool) = &tool {
        println!("setup: {} is missing, wanted by: fuzz; {}", tool.name, tool.how_to_install());
        if install {
            tool.install()?;
        }
    }
    if packages.is_empty() {
        if tool.is_none() {
            println!("setup: everything that tests and checks want is there.");
        }
        return Ok(());
    }
    for package in &packages {
        println!("setup: {} is missing, wanted by: {}", package.name, package.wanted_by);
    }
    if !install {
        return advise(&packages);
    }
    let (peers, packages): (Vec<&Package>, Vec<&Package>) =
        packages.into_iter().partition(|package| package.wanted_by == PEERS);
    if !peers.is_empty()
        && let Err(error) = install_all(&peers)
    {
        println!("setup: {error}; benchmarks go without");
    }
    if packages.is_empty() { Ok(()) } else { install_all(&packages) }
}

fn advise(packages: &[&Package]) -> Result<(), String> {
    println!("setup: to install: {}", how_to_install(packages));
    Ok(())
}

/// Returns the commands that install `packages`, as one types them.
pub(crate) fn how_to_install(packages: &[&Package]) -> String {
    let names = packages.iter().map(|package| package.name).collect::<Vec<_>>().join(" ");
    let foreign = if needs_arm64(packages) { "dpkg --add-architecture arm64 && " } else { "" };
    format!("{foreign}apt-get update && apt-get install -y --no-install-recommends {names}")
}

/// Installs `packages` with apt-get, as this user.
///
/// # Errors
///
/// When there is no apt-get, or it fails.
pub(crate) fn install_all(packages: &[&Package]) -> Result<(), String> {
    let Some(apt) = find_program("apt-get") else {
        return Err(format!(
            "there is no apt-get here; install by hand: {}",
            how_to_install(packages)
        ));
    };
    let minutes = |count: u64| Duration::from_secs(60 * count);
    if needs_arm64(packages) {
        run_command(Command::new("dpkg").args(["--add-architecture", "arm64"]), minutes(1))?;
    }
    run_command(&mut apt_get(&apt, &["update"]), minutes(5))?;
    let names = packages.iter().map(|package| package.name);
    let fixed = ["install", "-y", "--no-install-recommends"];
    let arguments: Vec<&str> = fixed.into_iter().chain(names).collect();
    run_command(&mut apt_get(&apt, &arguments), minutes(10)).or_else(|error| {
        // What an earlier, interrupted installation left behind makes every later one fail.
        println!("setup: {error}; repairing and trying once more");
        run_command(&mut apt_get(&apt, &["--fix-broken", "install", "-y"]), minutes(10))?;
        run_command(&mut apt_get(&apt, &arguments), minutes(10))
    })
}

/// Waits for another apt-get to finish rather than failing.
fn apt_get(apt: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(apt);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command
}

fn needs_arm64(packages: &[&Package]) -> bool {
    packages.iter().any(|package| package.name.ends_with(":arm64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_a_command_to_type() {
        let foreign = &CROSS_COMPILER[1];
        assert_eq!(
            how_to_install(&[&PACKAGES[0], foreign]),
            "dpkg --add-architecture arm64 && apt-get update && \
             apt-get install -y --no-install-recommends gcc libstd-rust-web-dev:arm64"
        );
    }

    #[test]
    fn missing_goes_by_program_and_file() {
        let list = [
            program("a", "sh", "x"),
            program("b", "no-such-program-anywhere", "x"),
            program("c", "no-such-program-anywhere", "y"),
            Package { name: "d", probe: Probe::File("/no/such/file"), wanted_by: "x" },
        ];
        let names: Vec<&str> =
            missing(&list, Some("x")).iter().map(|package| package.name).collect();
        assert_eq!(names, ["b", "d"]);
    }
}
