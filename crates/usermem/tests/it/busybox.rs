//! `busybox`, statically linked: many programs, one executable, no interpreter.

use crate::harness::{Case, Noise, Scratch, programs};

/// Debian's package `busybox-static` puts it in `/usr/bin` or `/bin`.
fn busybox(args: &[&str]) -> Case {
    Case::new("busybox", args)
}

/// A few folders and files with names, sizes and contents that tell them apart.
fn tree(scratch: &Scratch) {
    let mut noise = Noise(7);
    for (name, size) in [("empty", 0), ("small", 10), ("page", 4096), ("big", 300_000)] {
        let bytes: Vec<u8> = (0..size).map(|_| noise.below(256) as u8).collect();
        scratch.write(name, bytes);
    }
    scratch.write("dir/sub/deep.txt", "deep\n");
    scratch.write("dir/words.txt", words());
    scratch.write("dir/with space", "spaced\n");
}

/// A thousand lines of words, with many repetitions.
fn words() -> String {
    let mut noise = Noise(11);
    let list = ["apple", "Banana", "cherry", "date", "elder", "fig", "grape"];
    let pick = |n: u32| list[n as usize % list.len()];
    (0..1000)
        .map(|line| format!("{} {} {}\n", pick(noise.next()), noise.below(1000), line))
        .collect()
}

programs! { "busybox":
    busybox_echo => busybox(&["echo", "-e", "one\\ttwo", "three"]),
    busybox_cat => busybox(&["cat", "dir/words.txt", "-", "empty", "big"]).files(tree).stdin("from stdin\n"),
    busybox_ls => busybox(&["ls", "-l", ".", "dir"]).files(tree),
    busybox_ls_bin => busybox(&["ls", "-l", "/usr/bin"]),
    busybox_sha256sum => busybox(&["sha256sum", "empty", "small", "page", "big", "missing"]).files(tree),
    busybox_sort => busybox(&["sort", "-k", "1,1", "-k", "2n"]).stdin(words()),
    busybox_wc => busybox(&["wc", "dir/words.txt", "big", "-"]).files(tree).stdin(words()),
    busybox_od => busybox(&["od", "-A", "x", "-t", "x1", "page"]).files(tree),
    busybox_grep => busybox(&["grep", "-rn", "cherry", "."]).files(tree),
    busybox_sed => busybox(&["sed", "-e", "s/\\(a.*\\) \\([0-9]*\\)/\\2 \\1/", "-e", "5q"]).stdin(words()),
    busybox_sed_in_place => busybox(&["sed", "-i", "s/e/E/g", "dir/words.txt"]).files(tree).writable(),
    busybox_awk => busybox(&["awk", "{ n[$1] += $2 } END { for (w in n) print w, n[w], sqrt(n[w]) }"]).stdin(words()),
    busybox_find => busybox(&["find", ".", "-type", "f", "-size", "+1"]).files(tree),
    busybox_tar => busybox(&["tar", "c", "dir", "page"]).files(tree),
    busybox_gzip => busybox(&["gzip", "-c", "big", "dir/words.txt"]).files(tree),
    busybox_gzip_file => busybox(&["gzip", "big"]).files(tree).writable(),
    busybox_gunzip => busybox(&["gunzip", "-c"]).stdin(GZIPPED),
    busybox_dd => busybox(&["dd", "if=big", "bs=777", "skip=3", "count=100"]).files(tree),
    busybox_dd_file => busybox(&["dd", "if=big", "of=out", "bs=1000", "seek=2"]).files(tree).writable(),
    busybox_vi_help => busybox(&["vi", "-h"]).stderr(),
    busybox_mv_rm => busybox(&["mv", "small", "dir/sub/renamed"]).files(tree).writable(),
    busybox_rm => busybox(&["rm", "-r", "dir"]).files(tree).writable(),
    busybox_mkdir => busybox(&["mkdir", "-p", "a/b/c"]).writable(),
    busybox_factor => busybox(&["factor", "18446744073709551615", "97", "1000000007"]),
    busybox_md5sum => busybox(&["md5sum", "big"]).files(tree),
    busybox_diff => busybox(&["diff", "small", "page"]).files(tree),
    busybox_false => busybox(&["false"]),
    busybox_sh => busybox(&["sh", "-c", "x=1; while [ $x -lt 500 ]; do x=$((x * 3)); echo $x; done; exit 7"]),
}

/// `printf 'hello, gzip\n' | gzip -9n`.
const GZIPPED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7,
    0x51, 0x48, 0xaf, 0xca, 0x2c, 0xe0, 0x02, 0x00, 0x86, 0x1f, 0x82, 0xa4, 0x0c, 0x00, 0x00, 0x00,
];
