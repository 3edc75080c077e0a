//! What the rows need on disk: the command itself, guest programs, large files.

use std::env;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Built programs and a folder for files, removed at the end.
pub(crate) struct Fixture {
    usermem: PathBuf,
    folder: TempDir,
}

impl Fixture {
    /// Builds the command, unless one is given, and the guest programs.
    ///
    /// # Errors
    ///
    /// When one of them does not build.
    pub(crate) fn new(usermem: Option<&Path>) -> Result<Self, String> {
        let this =
            env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
        let built = this.parent().ok_or("this program has no folder")?;
        let root =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&root);
        let usermem = match usermem {
            Some(given) => given.to_owned(),
            None => {
                let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
                let arguments = ["build", "--quiet", "--release", "--package", "usermem"];
                succeed(Command::new(cargo).current_dir(root).args(arguments))?;
                built.join("usermem")
            }
        };
        // Beside the build, not below /tmp, which may be memory.
        let folder =
            TempDir::new_in(built).map_err(|error| format!("a folder for files: {error}"))?;
        let fixture = Self { usermem, folder };
        for guest in ["null_call", "read_zero", "map_touch", "touch", "hold"] {
            let source = root.join("guest").join(guest).with_extension("c");
            succeed(Command::new("cc").args(["-O2", "-o"]).arg(fixture.path(guest)).arg(source))?;
        }
        Ok(fixture)
    }

    /// Returns the command under test.
    pub(crate) fn usermem(&self) -> &Path {
        &self.usermem
    }

    /// Returns the path of a guest program or a file of this fixture.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of `mib` MiB whose bytes follow from their position, and returns its path.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn file(&self, name: &str, mib: u64) -> Result<PathBuf, String> {
        let path = self.path(name);
        let write = || {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
            let mut state = 0x9e37_79b9_7f4a_7c15_u64;
            for _ in 0..mib << 17 {
                // xorshift64: different in every word, the same in every run.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                file.write_all(&state.to_le_bytes())?;
            }
            file.flush()
        };
        write().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// Makes a file of `mib` MiB without contents, and returns its path.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub(crate) fn sparse_file(&self, name: &str, mib: u64) -> Result<PathBuf, String> {
        let path = self.path(name);
        let made = File::create(&path).and_then(|file| file.set_len(mib << 20));
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}
