//! Dynamically linked programs of an ordinary Debian: the interpreter, shared libraries, the C library's locale and
//! identity look-ups, and programs big enough to use memory in every way.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::harness::{Case, Noise, Scratch, input, programs};

fn program(name: &str, args: &[&str]) -> Case {
    Case::new(name, args)
}

/// A case whose last argument is a shared input file.
fn over(name: &str, args: &[&str], file: PathBuf) -> Case {
    Case::new(name, args.iter().map(OsString::from).chain([file.into_os_string()]))
}

/// A program that interprets a script of ours; `args` come before the script's path.
fn script(name: &str, args: &[&str], file: &str) -> Case {
    over(name, args, Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scripts").join(file))
}

/// 10^6 lines in no order, with repetitions.
fn lines() -> PathBuf {
    input("lines", |file| {
        let mut noise = Noise(1);
        for _ in 0..1_000_000 {
            writeln!(file, "{:05} {:x}", noise.below(50_000), noise.next()).expect("input");
        }
    })
}

/// 20000 sorted lines without repetitions, of every third (`step` 3) or second (`step` 2) number.
fn sorted(step: u32) -> PathBuf {
    input(&format!("sorted-{step}"), |file| {
        for n in 0..20_000 {
            writeln!(file, "{:08}", n * step).expect("input");
        }
    })
}

/// 256 MiB of which no page is like another.
fn quarter_gigabyte() -> PathBuf {
    input("quarter-gigabyte", |file| {
        let mut noise = Noise(2);
        let mut block: Vec<u8> = (0..1 << 20).map(|_| noise.below(256) as u8).collect();
        for round in 0..256_u32 {
            block
                .chunks_exact_mut(4096)
                .for_each(|page| page[..4].copy_from_slice(&round.to_le_bytes()));
            file.write_all(&block).expect("input");
        }
    })
}

/// Eight mebibytes that compress, but not to nothing.
fn compressible() -> PathBuf {
    input("compressible", |file| {
        let mut noise = Noise(3);
        let words: Vec<u32> = (0..4096).map(|_| noise.next()).collect();
        for _ in 0..1 << 20 {
            let word = words[noise.below(4096) as usize % (1 + noise.below(4095) as usize)];
            file.write_all(&u64::from(word).to_be_bytes()).expect("input");
        }
    })
}

fn some_files(scratch: &Scratch) {
    scratch.write("notes/a.txt", "alpha\nbeta\ngamma\n".repeat(2000));
    scratch.write("notes/b/c.txt", "delta\n");
    scratch.write("notes/zeros", vec![0; 70_000]);
}

programs! { "debian":
    ls => program("ls", &["-l", "/usr/bin"]),
    ls_root => program("ls", &["/"]),
    ls_colors => program("ls", &["-la", "--color=always", "--group-directories-first", "/etc"]),
    cat => over("cat", &[], lines()),
    cat_stdin => program("cat", &["-n"]).stdin("a\nb\n".repeat(50_000)),
    mounts => program("cat", &["/proc/mounts", "/proc/self/mountinfo", "/proc/thread-self/mounts"]),
    sort => over("sort", &["--parallel=1"], lines()),
    sort_numeric => over("sort", &["--parallel=1", "-n", "-u", "-k1,1"], lines()),
    sha256sum => over("sha256sum", &[], quarter_gigabyte()),
    wc => over("wc", &[], lines()),
    od => over("od", &["-A", "d", "-t", "x2z", "-N", "1000000"], compressible()),
    tr => program("tr", &["a-z", "A-Z"]).stdin("the quick brown fox\n".repeat(20_000)),
    cut => over("cut", &["-d", " ", "-f", "2"], lines()),
    uniq => over("uniq", &["-c"], sorted(2)),
    comm => over("comm", &[sorted(2).to_str().expect("a path of ours")], sorted(3)),
    awk => over("awk", &["{ n[$1 % 100]++; s += length($2) } END { for (i = 0; i < 100; i++) print i, n[i]; print s }"], lines()),
    sed => over("sed", &["-n", "-E", "s/^0*([0-9]+) (.*)(ff|00)/\\1:\\3:\\2/p"], lines()),
    sed_in_place => program("sed", &["-i.bak", "s/beta/BETA/", "notes/a.txt"]).files(some_files).writable(),
    grep => program("grep", &["-r", "-n", "copyright", "/usr/share/doc/libc6", "/usr/share/doc/bash", "/etc"]),
    grep_large => over("grep", &["-c", "-E", "(ab|cd).*[0-9]{3}"], lines()),
    find => program("find", &["/usr/share/doc"]),
    find_printf => program("find", &["/usr/share/doc", "-maxdepth", "2", "-printf", "%p %s %m %u %y\\n"]),
    tar => program("tar", &["c", "notes"]).files(some_files),
    tar_extract => program("tar", &["xf", "-"]).stdin(archive()).writable(),
    gzip => over("gzip", &["-9", "-c"], compressible()),
    gzip_file => program("gzip", &["-9", "-n", "notes/a.txt"]).files(some_files).writable(),
    xz => over("xz", &["-T1", "-1", "-c"], compressible()),
    python3 => script("python3", &["-S"], "everything.py").writable(),
    python3_version => program("python3", &["-c", "import sys; print(sys.version, sys.path)"]),
    python3_exit => program("python3", &["-c", "raise SystemExit(41)"]),
    sqlite3 => program("sqlite3", &["-batch", "test.db"]).stdin(include_str!("scripts/database.sql")).writable(),
    perl => script("perl", &[], "everything.pl"),
    bash => program("bash", &["--norc", "-c", "for i in {1..300}; do s=$s$i; done; echo ${#s} ${s//1/x}; printf '%q\\n' \"$HOME\"; exit 9"]),
    dash => program("dash", &["-c", "x=0; while [ $x -lt 1000 ]; do x=$((x+7)); done; echo $x; cd /usr && pwd"]),
    env => program("env", &[]),
    pwd => program("pwd", &[]),
    id => program("id", &[]),
    uname => program("uname", &["-srm"]),
    stat => program("stat", &["-c", "%n %s %a %F %h", "/", "/etc/passwd", "/usr/bin/env", "/dev/null"]),
    stat_f => program("stat", &["-f", "-c", "%n %s %l %T", "/", "/usr"]),
    touch => program("touch", &["-d", "2020-01-02T03:04:05Z", "made", "notes/zeros"]).files(some_files).writable(),
    cp => program("cp", &["-r", "notes", "copy"]).files(some_files).writable(),
    mv => program("mv", &["notes", "moved"]).files(some_files).writable(),
    truncate => program("truncate", &["-s", "12345", "notes/zeros", "fresh"]).files(some_files).writable(),
    dd => over("dd", &["bs=65536", "status=none", "iflag=fullblock", "count=20"], PathBuf::from("if=/dev/zero")),
    head => over("head", &["-c", "1234567"], lines()),
    tail => over("tail", &["-n", "1000"], lines()),
    seq => program("seq", &["1", "7", "200000"]),
    tee => program("tee", &["one", "two"]).stdin("twice\n".repeat(9999)).writable(),
    md5sum => over("md5sum", &[], compressible()),
    cmp => over("cmp", &["-l", sorted(2).to_str().expect("a path of ours")], sorted(3)),
    file_missing => program("cat", &["/no/such/file"]).stderr(),
    folder_missing => program("ls", &["-l", "/nonexistent"]).stderr(),
}

/// A tar archive with a folder and two files, as `tar c --format=ustar` makes it.
fn archive() -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, kind, contents) in [
        ("box/", b'5', String::new()),
        ("box/one", b'0', "1\n".repeat(3000)),
        ("box/two", b'0', "2".into()),
    ] {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(if kind == b'5' { b"0000755" } else { b"0000644" });
        header[108..115].copy_from_slice(b"0000000");
        header[116..123].copy_from_slice(b"0000000");
        header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        header[136..147].copy_from_slice(b"07346545000");
        header[148..156].fill(b' ');
        header[156] = kind;
        header[257..263].copy_from_slice(b"ustar\0");
        header[263..265].copy_from_slice(b"00");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(contents.as_bytes());
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}
