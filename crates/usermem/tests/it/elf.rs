//! Files that are not programs, or nearly: one line on stderr and 126 (127 when there is nothing), never worse.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::harness::{Ended, Noise, Scratch, find_program, run, usermem};

/// Offsets of the fields that the tests change, in a header or in the first program header behind it.
mod field {
    pub(crate) const CLASS: usize = 4;
    pub(crate) const DATA: usize = 5;
    pub(crate) const TYPE: usize = 16;
    pub(crate) const MACHINE: usize = 18;
    pub(crate) const ENTRY: usize = 24;
    pub(crate) const PHOFF: usize = 32;
    pub(crate) const PHENTSIZE: usize = 54;
    pub(crate) const PHNUM: usize = 56;
    pub(crate) const P_TYPE: usize = 64;
    pub(crate) const P_OFFSET: usize = 64 + 8;
    pub(crate) const P_VADDR: usize = 64 + 16;
    pub(crate) const P_FILESZ: usize = 64 + 32;
    pub(crate) const P_MEMSZ: usize = 64 + 40;
    pub(crate) const P_ALIGN: usize = 64 + 48;
}

/// `mov $60, %eax; mov $42, %edi; syscall`: exit with status 42.
const CODE: &[u8] = &[0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05];
const HEADERS: usize = 64 + 2 * 56;
const BASE: u64 = 0x40_0000;

/// A static program of two segments, the second empty of file contents, that exits with status 42.
fn tiny() -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(HEADERS, 0);
    file.extend_from_slice(CODE);
    let size = file.len() as u64;
    put(&mut file, field::TYPE, 2, 2);
    put(&mut file, field::MACHINE, 2, 62);
    put(&mut file, 20, 4, 1);
    put(&mut file, field::ENTRY, 8, BASE + HEADERS as u64);
    put(&mut file, field::PHOFF, 8, 64);
    put(&mut file, 52, 2, 64);
    put(&mut file, field::PHENTSIZE, 2, 56);
    put(&mut file, field::PHNUM, 2, 2);
    segment(&mut file, 0, [5, 0, BASE, size, size]);
    segment(&mut file, 1, [6, 0, BASE + 0x10_0000, 0, 5000]);
    file
}

/// Writes a loadable segment's header: flags, offset, address, size in the file and in memory.
fn segment(file: &mut [u8], index: usize, [flags, offset, vaddr, filesz, memsz]: [u64; 5]) {
    let at = 64 + index * 56;
    put(file, at, 4, 1);
    put(file, at + 4, 4, flags);
    put(file, at + 8, 8, offset);
    put(file, at + 16, 8, vaddr);
    put(file, at + 24, 8, vaddr);
    put(file, at + 32, 8, filesz);
    put(file, at + 40, 8, memsz);
    put(file, at + 48, 8, 0x1000);
}

fn put(file: &mut [u8], at: usize, len: usize, value: u64) {
    file[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
}

fn executable(scratch: &Scratch, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = scratch.write(name, contents);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
    path
}

fn start(program: &Path) -> Ended {
    let mut command = usermem();
    command.arg("--").arg(program);
    run(command, b"")
}

/// Checks that a damaged program ran, was refused, or was killed: nothing else may happen.
#[track_caller]
fn check_survived(what: &str, ended: &Ended) {
    ended.check_sound(what);
    let lines = ended.stderr_text().lines().count();
    let fine = match ended.status {
        126 => lines == 1,
        42 | 129..=192 => lines == 0,
        _ => false,
    };
    assert!(fine, "{what}: status {}, stderr:\n{}", ended.status, ended.stderr_text());
}

#[test]
fn tiny_program_runs() {
    let scratch = Scratch::new("elf-tiny");
    let ended = start(&executable(&scratch, "tiny", tiny()));
    assert_eq!((ended.status, ended.stderr_text().as_str()), (42, ""));
}

#[test]
fn truncated_programs_are_refused() {
    let scratch = Scratch::new("elf-truncated");
    let whole = tiny();
    for len in (0..HEADERS).step_by(3) {
        start(&executable(&scratch, "short", &whole[..len]))
            .check_refused(&format!("{len} bytes"), 126);
    }
    for len in HEADERS..whole.len() {
        check_survived(
            &format!("{len} bytes"),
            &start(&executable(&scratch, "short", &whole[..len])),
        );
    }
}

#[test]
fn truncated_dynamic_program_survives() {
    let scratch = Scratch::new("elf-truncated-dynamic");
    let whole = fs::read("/bin/true").unwrap();
    for step in 0..24 {
        let ended = start(&executable(&scratch, "short", &whole[..whole.len() * step / 24]));
        ended.check_sound("truncated /bin/true");
        // What is left may be enough for the interpreter to start and to complain for itself.
        assert!(matches!(ended.status, 0 | 126 | 127 | 129..=192), "{step}/24: {}", ended.status);
    }
}

#[test]
fn wrong_kinds_are_refused() {
    let scratch = Scratch::new("elf-kinds");
    let cases: [(&str, usize, usize, u64); 8] = [
        ("magic", 0, 1, 0),
        ("relocatable", field::TYPE, 2, 1),
        ("core file", field::TYPE, 2, 4),
        ("other machine", field::MACHINE, 2, 183),
        ("header entry size", field::PHENTSIZE, 2, 55),
        ("no program headers", field::PHNUM, 2, 0),
        ("headers beyond the file", field::PHOFF, 8, 1 << 20),
        ("headers at the end of numbers", field::PHOFF, 8, u64::MAX - 8),
    ];
    for (what, at, len, value) in cases {
        let mut file = tiny();
        put(&mut file, at, len, value);
        start(&executable(&scratch, "bad", file)).check_refused(what, 126);
    }
}

#[test]
fn wild_segments_are_survived() {
    let scratch = Scratch::new("elf-wild");
    let wild = [
        0,
        1,
        0xfff,
        0x7fff_ffff_f000,
        0x7fff_ffff_ffff,
        1 << 63,
        u64::MAX,
        u64::MAX - 0xfff,
        0xffff_8000_0000_0000,
    ];
    // Linux does not look at these two.
    for (at, value) in [(field::CLASS, 1), (field::DATA, 2)] {
        let mut file = tiny();
        put(&mut file, at, 1, value);
        check_survived(
            &format!("byte {at} = {value}"),
            &start(&executable(&scratch, "wild", file)),
        );
    }
    let fields = [
        field::ENTRY,
        field::P_OFFSET,
        field::P_VADDR,
        field::P_FILESZ,
        field::P_MEMSZ,
        field::P_ALIGN,
    ];
    for at in fields {
        for value in wild {
            let mut file = tiny();
            put(&mut file, at, 8, value);
            check_survived(
                &format!("field {at} = {value:#x}"),
                &start(&executable(&scratch, "wild", file)),
            );
        }
    }
    for count in [3, 64, 1000, 0xffff] {
        let mut file = tiny();
        put(&mut file, field::PHNUM, 2, count);
        check_survived(&format!("{count} headers"), &start(&executable(&scratch, "wild", file)));
    }
}

#[test]
fn overlapping_segments_are_survived() {
    let scratch = Scratch::new("elf-overlap");
    for second in [BASE, BASE + 8, BASE - 0x1000, BASE + 0x1000] {
        for memsz in [1, 0x1000, 0x3000, 1 << 30, 1 << 46] {
            let mut file = tiny();
            let size = file.len() as u64;
            segment(&mut file, 1, [7, second & 0xfff, second, size.min(memsz), memsz]);
            let what = format!("second segment at {second:#x}, {memsz:#x} long");
            check_survived(&what, &start(&executable(&scratch, "overlap", file)));
        }
    }
}

#[test]
fn huge_sizes_are_refused_within_a_limit() {
    let scratch = Scratch::new("elf-huge");
    for memsz in [1 << 30, 1 << 40, 1 << 46] {
        let mut file = tiny();
        segment(&mut file, 1, [6, 0, BASE + 0x10_0000, 0, memsz]);
        let mut command = usermem();
        command.args(["--max-memory", "16M", "--"]).arg(executable(&scratch, "huge", file));
        check_survived(&format!("{memsz:#x}"), &run(command, b""));
    }
}

/// A tiny program that asks for an interpreter.
fn interpreted(path: &[u8]) -> Vec<u8> {
    let mut file = tiny();
    let at = file.len() as u64;
    file.extend_from_slice(path);
    put(&mut file, field::P_TYPE + 56, 4, 3);
    put(&mut file, field::P_OFFSET + 56, 8, at);
    put(&mut file, field::P_FILESZ + 56, 8, path.len() as u64);
    file
}

#[test]
fn bad_interpreters_are_refused() {
    let scratch = Scratch::new("elf-interpreter");
    let folder = scratch.path().to_str().unwrap().to_owned();
    executable(&scratch, "corrupt", b"\x7fELF nonsense");
    executable(&scratch, "empty", b"");
    executable(&scratch, "text", "#!/bin/sh\nexit 3\n");
    scratch.write("not-executable", tiny());
    executable(&scratch, "short", &tiny()[..100]);
    let mut cases: Vec<Vec<u8>> =
        ["corrupt", "empty", "text", "not-executable", "short", "missing", "", "corrupt/below"]
            .iter()
            .map(|name| format!("{folder}/{name}\0").into_bytes())
            .collect();
    cases.extend([
        b"".to_vec(),
        b"\0".to_vec(),
        b"no-end".to_vec(),
        vec![b'/'; 5000],
        vec![0xff; 100],
    ]);
    for path in cases {
        let what = String::from_utf8_lossy(&path[..path.len().min(120)]).into_owned();
        start(&executable(&scratch, "program", interpreted(&path))).check_refused(&what, 126);
    }
    let mut beyond = interpreted(b"/lib64/ld-linux-x86-64.so.2\0");
    put(&mut beyond, field::P_OFFSET + 56, 8, 1 << 40);
    start(&executable(&scratch, "program", beyond)).check_refused("path beyond the file", 126);
}

#[test]
fn a_program_may_be_its_own_interpreter() {
    let scratch = Scratch::new("elf-own-interpreter");
    let path = scratch.path().join("program");
    let contents = interpreted(format!("{}\0", path.display()).as_bytes());
    check_survived("own interpreter", &start(&executable(&scratch, "program", contents)));
}

#[test]
fn other_things_are_refused() {
    let scratch = Scratch::new("elf-things");
    start(&executable(&scratch, "empty", b"")).check_refused("empty", 126);
    start(&executable(&scratch, "text", b"hello\n")).check_refused("text", 126);
    start(&executable(&scratch, "zeros", vec![0; 10_000])).check_refused("zeros", 126);
    start(&scratch.write("plain", tiny())).check_refused("not executable", 126);
    start(scratch.path()).check_refused("folder", 126);
    start(Path::new("/dev/null")).check_refused("device", 126);
    symlink("loop", scratch.path().join("loop")).unwrap();
    start(&scratch.path().join("loop")).check_refused("link to itself", 126);
    start(&scratch.path().join("empty/below")).check_refused("below a file", 126);
    start(&scratch.path().join("missing")).check_refused("missing", 127);
    start(Path::new("no-such-program-anywhere")).check_refused("not in PATH", 127);
    start(Path::new("")).check_refused("empty name", 127);
}

#[test]
fn scripts() {
    let scratch = Scratch::new("elf-scripts");
    let run_script = |contents: &str| start(&executable(&scratch, "script", contents));
    let ended = run_script("#!/bin/sh\nexit 5\n");
    assert_eq!((ended.status, ended.stderr_text().as_str()), (5, ""));
    let ended = run_script("#! /bin/echo  two words \n");
    let expected = format!("two words {}\n", scratch.path().join("script").display());
    assert_eq!(ended.stdout_text(), expected, "{}", ended.stderr_text());

    run_script("#!/no/such/interpreter\n").check_refused("no interpreter", 126);
    run_script("#!").check_refused("nothing behind", 126);
    run_script("#!\n").check_refused("an empty line", 126);
    run_script("#!   \n").check_refused("only blanks", 126);
    run_script(&format!("#!{}\n", scratch.path().display())).check_refused("a folder", 126);
    run_script(&format!("#!{}\n", scratch.path().join("script").display()))
        .check_refused("itself", 126);
    run_script(&format!("#!/{}\n", "x".repeat(5000))).check_refused("a line without end", 126);

    let folder = scratch.path().display().to_string();
    for depth in 1..=8 {
        let before =
            if depth == 1 { "/bin/echo".to_owned() } else { format!("{folder}/s{}", depth - 1) };
        executable(&scratch, &format!("s{depth}"), format!("#!{before}\n"));
    }
    // Linux follows five interpreters, the program's own included.
    assert_eq!(start(&scratch.path().join("s4")).status, 0);
    start(&scratch.path().join("s8")).check_refused("eight scripts deep", 126);
}

/// Programs with random damage in their headers: the same three hundred on every machine.
#[test]
fn damaged_headers_are_survived() {
    let scratch = Scratch::new("elf-damaged");
    let mut noise = Noise(2);
    for round in 0..250 {
        let mut file = tiny();
        let mut changes = Vec::new();
        for _ in 0..=noise.below(3) {
            let (at, value) = (noise.below(HEADERS as u32) as usize, damage(&mut noise));
            changes.push((at, value));
            file[at] = value;
        }
        let ended = start(&executable(&scratch, "damaged", file));
        check_survived(&format!("round {round}, changes {changes:?}"), &ended);
    }
}

/// The same for a program with an interpreter: its headers are about 800 bytes.
#[test]
fn damaged_dynamic_headers_are_survived() {
    let scratch = Scratch::new("elf-damaged-dynamic");
    let whole = fs::read(find_program("true").unwrap()).unwrap();
    let mut noise = Noise(3);
    for round in 0..60 {
        let mut file = whole.clone();
        let (at, value) = (noise.below(800) as usize, damage(&mut noise));
        file[at] = value;
        let ended = start(&executable(&scratch, "damaged", file));
        ended.check_sound(&format!("round {round}: byte {at} = {value}"));
        let fine = matches!(ended.status, 0 | 1 | 126 | 127 | 129..=192);
        assert!(
            fine,
            "round {round}: byte {at} = {value}: {} {}",
            ended.status,
            ended.stderr_text()
        );
    }
}

fn damage(noise: &mut Noise) -> u8 {
    match noise.below(4) {
        0 => 0,
        1 => 0xff,
        2 => 1 << noise.below(8),
        _ => noise.below(256) as u8,
    }
}
