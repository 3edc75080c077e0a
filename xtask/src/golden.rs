//! Files of what the release build comes to, which hold for one compiler.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::Args;

use crate::ci::Outcome;
use crate::process::{capture, cargo, run as run_command};
use crate::workspace::Workspace;

/// What `cargo xtask asm` and `cargo xtask counts` do.
#[derive(Args)]
pub(crate) struct Options {
    /// Write what is there now into the committed file
    #[arg(long)]
    pub(crate) bless: bool,
}

/// A committed file: a line that says for which compiler it holds, then text.
pub(crate) struct Golden {
    path: PathBuf,
    shown: String,
    compiler: String,
}

impl Golden {
    /// Opens the file for this architecture in a folder of the workspace.
    ///
    /// # Errors
    ///
    /// When there is no compiler.
    pub(crate) fn new(workspace: &Workspace, folder: &str, suffix: &str) -> Result<Self, String> {
        // Spelt otherwise than folders of code, of which every architecture has the same: these files are made where
        // there is a machine to make them on.
        let architecture = std::env::consts::ARCH.replace('_', "-");
        let shown = format!("{folder}/{architecture}.{suffix}");
        let mut rustc = Command::new("rustc");
        let compiler = capture(rustc.current_dir(workspace.root()).arg("--version"))?;
        let compiler = format!("# {}, release profile", compiler.trim());
        Ok(Self { path: workspace.root().join(&shown), shown, compiler })
    }

    /// Returns its name, relative to the root.
    pub(crate) fn name(&self) -> &str {
        &self.shown
    }

    /// Returns the text, or why it does not hold here.
    pub(crate) fn read(&self) -> Result<String, Outcome> {
        let Ok(text) = fs::read_to_string(&self.path) else {
            return Err(Outcome::Skipped(format!("there is no {}", self.shown)));
        };
        match text.split_once('\n') {
            Some((first, rest)) if first == self.compiler => Ok(rest.to_owned()),
            _ => Err(Outcome::Skipped(format!(
                "{} is not for this compiler, `{}`",
                self.shown,
                self.compiler.trim_start_matches("# ")
            ))),
        }
    }

    /// Replaces the text.
    pub(crate) fn write(&self, text: &str) -> Outcome {
        let written = self.path.parent().map_or(Ok(()), fs::create_dir_all);
        let whole = format!("{}\n{text}", self.compiler);
        match written.and_then(|()| fs::write(&self.path, whole)) {
            Ok(()) => {
                println!("wrote {}", self.shown);
                Outcome::Passed
            }
            Err(error) => Outcome::Failed(format!("{}: {error}", self.shown)),
        }
    }
}

/// Builds an example as it is released, and returns where it is.
///
/// # Errors
///
/// When it does not compile.
pub(crate) fn build(
    workspace: &Workspace,
    package: &str,
    example: &str,
) -> Result<PathBuf, String> {
    let mut command = cargo();
    command.current_dir(workspace.root()).args(["build", "--release", "-p", package]);
    // Flags of this shell would make another program of it.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    run_command(command.args(["--example", example]), Duration::from_secs(12 * 60))?;
    Ok(workspace.target().join("release/examples").join(example))
}

/// Says how a command that is no step of `ci` ended.
///
/// # Errors
///
/// What failed.
pub(crate) fn report(name: &str, outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Failed(message) => Err(message),
        Outcome::Skipped(reason) => {
            println!("{name}: SKIPPED: {reason}");
            Ok(())
        }
        Outcome::Passed | Outcome::LeftOut => Ok(()),
    }
}
