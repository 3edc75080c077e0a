//! The newest record, in the documents.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::plot::{self, Plot};
use crate::row::Row;
use crate::{record, table};

/// The ratios that the README shows: level, row, and what we are measured against.
const HEADLINES: [(&str, &str, &str); 5] = [
    ("copy", "1–256 B of random sizes", "memcpy"),
    ("manager", "8 B at random over 1000 mappings", "gVisor"),
    ("sequence", "64 × 64 B", "process_vm_readv"),
    ("mapping", "fork of 1000 mappings", "Linux"),
    ("run", "null system call", "proot"),
];

/// Puts the newest record into `docs/performance.md` and the README, and draws the plots.
///
/// # Errors
///
/// When there is no record, or a document has no place for it.
pub(crate) fn report(root: &Path) -> Result<(), String> {
    let path = record::newest(root)?;
    let rows = record::read(&path)?;
    let machine = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
    let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
    let plots = plot::plots(&rows);
    for plot in &plots {
        write(&root.join("docs").join(file(plot)), &plot.svg)?;
    }
    let body = body(&rows, &machine, &shown, &plots);
    splice_into(&root.join("docs/performance.md"), "record", &body)?;
    splice_into(&root.join("README.md"), "headlines", &headlines(&rows))?;
    println!("docs/performance.md, README.md and {} plots now show {shown}", plots.len());
    Ok(())
}

fn file(plot: &Plot) -> String {
    format!("plots/{}-{}.svg", plot.level, plot.axis)
}

fn body(rows: &[Row], machine: &str, record: &str, plots: &[Plot]) -> String {
    let mut text = format!("\nFrom `{record}`:\n\n```text\n{}\n```\n", machine.trim_end());
    text.push_str(&table::tables(rows));
    text.push('\n');
    for plot in plots {
        let Plot { title, .. } = plot;
        writeln!(text, "![{title}]({})\n", file(plot)).expect(INFALLIBLE);
    }
    text
}

fn headlines(rows: &[Row]) -> String {
    let mut text = "\n| operation | against | time, of theirs |\n|---|---|---|\n".to_owned();
    for (level, name, against) in HEADLINES {
        let row = rows.iter().find(|row| row.level == level && row.name == name);
        let other = row.and_then(|row| row.others.iter().find(|other| other.name == against));
        let ratio = other.and_then(|other| other.measured);
        let ratio =
            ratio.map_or("not measured".to_owned(), |(_, ratio)| table::digits(ratio.value));
        writeln!(text, "| {level}: {name} | {against} | {ratio} |").expect(INFALLIBLE);
    }
    text.push('\n');
    text
}

fn splice_into(path: &Path, name: &str, body: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(failed)?;
    let text = splice(&text, name, body).ok_or_else(|| {
        format!("{}: no `{}` with `{}` behind it", path.display(), start(name), end(name))
    })?;
    write(path, &text)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}

fn start(name: &str) -> String {
    format!("<!-- {name}: cargo xtask bench report -->\n")
}

fn end(name: &str) -> String {
    format!("<!-- /{name} -->\n")
}

/// Returns `text` with `body` between the markers called `name`; `None` when they are not there.
fn splice(text: &str, name: &str, body: &str) -> Option<String> {
    let (start, end) = (start(name), end(name));
    let (before, rest) = text.split_once(&start)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{start}{body}{end}{after}"))
}

const INFALLIBLE: &str = "writing to a string does not fail";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::sample;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = "a\n<!-- x: cargo xtask bench report -->\nold\n<!-- /x -->\nb\n";
        let expected = "a\n<!-- x: cargo xtask bench report -->\nnew\n<!-- /x -->\nb\n";
        assert_eq!(splice(text, "x", "new\n").as_deref(), Some(expected));
        assert_eq!(splice(expected, "x", "new\n").as_deref(), Some(expected));
        assert_eq!(splice(text, "y", "new\n"), None);
        assert_eq!(splice(&text.replace("/x", "/y"), "x", "new\n"), None);
    }

    #[test]
    fn a_headline_that_was_not_measured_says_so() {
        let mut row = sample(None);
        row.name = HEADLINES[0].1.to_owned();
        let text = headlines(&[row]);
        assert!(text.contains("| copy: 1–256 B of random sizes | memcpy | 1.00 × |"), "{text}");
        assert_eq!(text.matches("not measured").count(), 4);
    }
}
