//! Input files that several tests share, the same bytes on every machine.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Returns the shared input file `name`, which `generate` writes unless an earlier test already did.
pub(crate) fn input(name: &str, generate: impl FnOnce(&mut dyn Write)) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("inputs");
    fs::create_dir_all(&folder).expect("the input folder can be made");
    let path = folder.join(name);
    if !path.exists() {
        // Another name first: a run that is interrupted here leaves no half file behind.
        let unfinished = folder.join(format!("{name}.{}", std::process::id()));
        let mut file =
            BufWriter::new(File::create(&unfinished).expect("an input file can be made"));
        generate(&mut file);
        file.flush().expect("an input file can be written");
        fs::rename(&unfinished, &path).expect("an input file can be renamed");
    }
    drop(guard);
    path
}

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
#[derive(Debug)]
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// Returns the next 32 bits.
    pub(crate) fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// Returns a number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }
}
