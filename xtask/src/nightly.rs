//! The nightly compiler, for checks that the pinned one cannot make.

use std::process::Command;

use crate::process::find_program;

/// Why these checks need it, and how to get it.
const MISSING: &str = "no nightly compiler: `rustup toolchain install nightly` gets one";

/// The nightly compiler of this machine.
#[derive(Debug)]
pub(crate) struct Nightly(());

impl Nightly {
    /// Asks rustup whether there is one. Nothing is downloaded.
    ///
    /// # Errors
    ///
    /// When there is none; the message says how to get it.
    pub(crate) fn find() -> Result<Self, String> {
        find_program("rustup").ok_or(MISSING)?;
        let version = program("rustc").arg("--version").env("RUSTUP_AUTO_INSTALL", "0").output();
        let is_nightly = version.is_ok_and(|version| {
            version.status.success() && String::from_utf8_lossy(&version.stdout).contains("nightly")
        });
        is_nightly.then_some(Self(())).ok_or_else(|| MISSING.to_owned())
    }

    /// Returns the nightly cargo.
    pub(crate) fn cargo(&self) -> Command {
        program("cargo")
    }

    /// Returns the nightly compiler.
    pub(crate) fn rustc(&self) -> Command {
        program("rustc")
    }
}

/// `rustup run` wins over the pinned toolchain; what the cargo that runs this program put into the environment would
/// win over both.
fn program(name: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", name]);
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nightly_is_nightly_or_says_how_to_get_it() {
        match Nightly::find() {
            Ok(nightly) => {
                let version = nightly.cargo().arg("--version").output().unwrap();
                assert!(String::from_utf8_lossy(&version.stdout).contains("nightly"));
            }
            Err(message) => assert_eq!(message, MISSING),
        }
    }
}
