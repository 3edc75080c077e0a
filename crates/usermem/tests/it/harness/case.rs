//! A program, its arguments and surroundings, run twice and compared.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Ended, Scratch, Tree, environment, find_program, first_difference, run, usermem};

/// One comparison of native with ours.
#[derive(Debug)]
pub(crate) struct Case {
    program: PathBuf,
    args: Vec<OsString>,
    stdin: Vec<u8>,
    setup: fn(&Scratch),
    writable: bool,
    stderr: bool,
}

impl Case {
    /// Returns a case for an installed program, found in `/usr/bin` or `/bin`.
    pub(crate) fn new<A: Into<OsString>>(program: &str, args: impl IntoIterator<Item = A>) -> Self {
        let path = find_program(program).unwrap_or_else(|| Path::new("/usr/bin").join(program));
        Self::at(path, args)
    }

    /// Returns a case for the executable at `program`.
    pub(crate) fn at<A: Into<OsString>>(
        program: PathBuf,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program, args, stdin: Vec::new(), setup: |_| (), writable: false, stderr: false }
    }

    /// Gives the program standard input.
    pub(crate) fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Puts files in the program's working folder, anew before each of the two runs.
    pub(crate) fn files(mut self, setup: fn(&Scratch)) -> Self {
        self.setup = setup;
        self
    }

    /// Lets the program change its working folder; what it leaves there is compared too.
    pub(crate) fn writable(mut self) -> Self {
        self.writable = true;
        self
    }

    /// Compares standard error too.
    pub(crate) fn stderr(mut self) -> Self {
        self.stderr = true;
        self
    }

    /// Returns the executable.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Runs the program natively and under us; `name` is unique among tests.
    ///
    /// # Panics
    ///
    /// Panics when standard output, exit status or files left behind differ.
    #[track_caller]
    pub(crate) fn check(&self, name: &str) {
        if let Err(difference) = self.compare(name) {
            panic!("{name}: {difference}");
        }
    }

    /// Runs the program natively and under us and says where they differ.
    #[track_caller]
    pub(crate) fn compare(&self, name: &str) -> Result<(), String> {
        let scratch = Scratch::new(name);
        let native = self.go(environment(&self.program), &scratch);
        let native_tree = scratch.tree();

        scratch.clear();
        let mut command = usermem();
        if self.writable {
            command.arg("--rw").arg(scratch.path());
        }
        command.arg("--").arg(&self.program);
        let ours = self.go(command, &scratch);

        ours.check_sound(name);
        let stderr = ours.stderr_text();
        if let Some(difference) = first_difference(&native.stdout, &ours.stdout) {
            let statuses = format!("status: native {}, ours {}", native.status, ours.status);
            return Err(format!("stdout: {difference}{statuses}; stderr of ours:\n{stderr}"));
        }
        if native.status != ours.status {
            let statuses = format!("status: native {}, ours {}", native.status, ours.status);
            return Err(format!("{statuses}; stderr of ours:\n{stderr}"));
        }
        if self.stderr
            && let Some(difference) = first_difference(&native.stderr, &ours.stderr)
        {
            return Err(format!("stderr: {difference}"));
        }
        same_files(&native_tree, &scratch.tree())
    }

    #[track_caller]
    fn go(&self, mut command: Command, scratch: &Scratch) -> Ended {
        (self.setup)(scratch);
        scratch.settle();
        command.args(&self.args).current_dir(scratch.path());
        run(command, &self.stdin)
    }
}

fn same_files(native: &Tree, ours: &Tree) -> Result<(), String> {
    for path in native.keys().chain(ours.keys()) {
        match (native.get(path), ours.get(path)) {
            (Some(native), Some(ours)) if native == ours => {}
            (native, ours) => {
                let show = |file: Option<&(u32, Vec<u8>)>| match file {
                    Some((mode, bytes)) => format!("mode {mode:o}, {} bytes", bytes.len()),
                    None => "missing".to_owned(),
                };
                let (native, ours) = (show(native), show(ours));
                return Err(format!(
                    "left behind: {}: native {native}; ours {ours}",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}
