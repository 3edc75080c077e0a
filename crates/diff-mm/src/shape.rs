//! What is compared of mappings.

use std::fmt;

use crate::outcome::Line;
use crate::window::place;

/// The words of `VmFlags` that are compared. Not `ac` (see [`crate::masks::is_counted_differently`]), nor what
/// says how a mapping is implemented.
const FLAGS: &[&str] = &[
    "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "lo", "lf", "sr", "rr", "dc", "nr", "wf",
    "dd", "hg", "nh", "mg", "sl",
];

/// A mapping without what need not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    start: u64,
    end: u64,
    perms: String,
    flags: Vec<String>,
    offset: u64,
    name: String,
    inode: u64,
}

/// Mask: the host keeps neighbours apart that were written apart, or that were counted as
/// committed at other times, and we do not always do so as well. Joins what differs in nothing
/// that is compared.
pub(crate) fn joined(lines: &[Line]) -> Vec<Shape> {
    let shape = |line: &Line| Shape {
        start: line.start,
        end: line.end,
        perms: line.perms.clone(),
        flags: line.flags.iter().filter(|flag| FLAGS.contains(&flag.as_str())).cloned().collect(),
        offset: line.offset,
        // The name of what touches the heap depends on where it is cut.
        name: line.name.replace("[heap]", ""),
        inode: line.inode,
    };
    let mut shapes = join(lines.iter().map(shape));
    for shape in &mut shapes {
        // Which number a file has is its file system's to choose.
        shape.inode = u64::from(shape.inode != 0);
    }
    shapes
}

fn join(apart: impl Iterator<Item = Shape>) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    for shape in apart {
        match shapes.last_mut() {
            Some(last)
                if last.end == shape.start
                    && (&last.perms, &last.flags, &last.name, last.inode)
                        == (&shape.perms, &shape.flags, &shape.name, shape.inode)
                    && (shape.inode == 0
                        || last.offset + (last.end - last.start) == shape.offset) =>
            {
                last.end = shape.end;
            }
            _ => shapes.push(shape),
        }
    }
    shapes
}

/// Returns the shapes as if nothing were locked.
pub(crate) fn unlocked(shapes: &[Shape]) -> Vec<Shape> {
    let unlock = |shape: &Shape| {
        let flags = shape.flags.iter().filter(|flag| *flag != "lo" && *flag != "lf");
        Shape { flags: flags.cloned().collect(), ..shape.clone() }
    };
    join(shapes.iter().map(unlock))
}

/// Writes an address as scripts do.
pub(crate) fn show_addr(addr: u64) -> String {
    match place(addr) {
        Some((page, 0)) => format!("p{page}"),
        Some((page, byte)) => format!("p{page}+{byte}"),
        None => format!("{addr:#x}"),
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (show_addr(self.start), show_addr(self.end));
        let flags = self.flags.join(" ");
        write!(f, "{start}-{end} {} {:#x} {:?} ({flags})", self.perms, self.offset, self.name)
    }
}
