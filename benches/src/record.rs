//! Records: every figure of a run, in a file that lasts.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::figures::Middle;
use crate::row::{At, Other, Role, Row, Unit};

const HEAD: &str =
    "level,row,unit,axis,at,contender,role,goal,low,median,high,ratio_low,ratio,ratio_high,verdict";

/// What a line of the table says that is us.
const OURS: &str = "ours";

/// Returns the folder of the records of this architecture, below the workspace's root.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("benches/record").join(std::env::consts::ARCH)
}

/// Writes a record and what was measured on beside it; returns where.
///
/// # Errors
///
/// When the files cannot be written.
pub(crate) fn write(root: &Path, rows: &[Row], machine: &str) -> Result<PathBuf, String> {
    let path = folder(root).join(today()).with_extension("csv");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(folder(root)).map_err(failed)?;
    fs::write(&path, to_csv(rows)).map_err(failed)?;
    fs::write(path.with_extension("txt"), machine).map_err(failed)?;
    Ok(path)
}

/// Reads a record.
///
/// # Errors
///
/// When it cannot be read, or is none.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    from_csv(&text).map_err(|message| format!("{}: {message}", path.display()))
}

/// Returns the newest record of this architecture.
///
/// # Errors
///
/// When there is none.
pub(crate) fn newest(root: &Path) -> Result<PathBuf, String> {
    let folder = folder(root);
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let records = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    records
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .max()
        .ok_or(format!("{}: no record; `cargo xtask bench record` makes one", folder.display()))
}

fn to_csv(rows: &[Row]) -> String {
    let mut text = format!("{HEAD}\n");
    for row in rows {
        let unit = match row.unit {
            Unit::Nanoseconds => "ns",
            Unit::Mebibytes => "MiB",
        };
        let (axis, at) = match row.at {
            None => ("", String::new()),
            Some(At::Bytes(at)) => ("bytes", at.to_string()),
            Some(At::Mappings(at)) => ("mappings", at.to_string()),
        };
        let start = format!("{},{},{unit},{axis},{at}", word(&row.level), word(&row.name));
        let ours = numbers(Some(row.ours));
        writeln!(text, "{start},usermem,{OURS},,{ours},,,,").expect(INFALLIBLE);
        for other in &row.others {
            let (figure, ratio) = other.measured.unzip();
            let role = match other.role {
                Role::Limit => "limit",
                Role::Peer => "peer",
                Role::Bound => "bound",
            };
            let goal = other.goal.map_or(String::new(), |goal| goal.to_string());
            let verdict = row.verdict(other).map_or(String::new(), |verdict| verdict.to_string());
            let (figure, ratio) = (numbers(figure), numbers(ratio));
            let name = word(&other.name);
            writeln!(
                text,
                "{start},{name},{role},{goal},{figure},{ratio},{}",
                verdict.to_lowercase()
            )
            .expect(INFALLIBLE);
        }
    }
    text
}

const INFALLIBLE: &str = "writing to a string does not fail";

fn word(text: &str) -> &str {
    assert!(is_word(text), "our own invariant: no name has a comma: {text}");
    text
}

/// Returns whether a record can hold a name as it is.
pub(crate) fn is_word(text: &str) -> bool {
    !text.contains([',', '\n'])
}

fn numbers(middle: Option<Middle>) -> String {
    let show = |Middle { low, value, high }| format!("{low:.4},{value:.4},{high:.4}");
    middle.map_or(",,".to_owned(), show)
}

fn from_csv(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, line)| line != HEAD) {
        return Err(format!("does not start with `{HEAD}`"));
    }
    let mut rows: Vec<Row> = Vec::new();
    for (index, line) in lines {
        let bad = || format!("line {}: {line}", index + 1);
        let words: Vec<&str> = line.split(',').collect();
        let [level, name, unit, axis, at, contender, role, goal, ..] = words[..] else {
            return Err(bad());
        };
        let figure = middle(words.get(8..11).ok_or_else(bad)?);
        let ratio = middle(words.get(11..14).ok_or_else(bad)?);
        if role == OURS {
            let unit = match unit {
                "ns" => Unit::Nanoseconds,
                "MiB" => Unit::Mebibytes,
                _ => return Err(bad()),
            };
            let at = match (axis, at.parse()) {
                ("bytes", Ok(at)) => Some(At::Bytes(at)),
                ("mappings", Ok(at)) => Some(At::Mappings(at)),
                ("", _) => None,
                _ => return Err(bad()),
            };
            let (level, name) = (level.to_owned(), name.to_owned());
            let ours = figure.ok_or_else(bad)?;
            rows.push(Row { level, name, unit, at, ours, others: Vec::new() });
            continue;
        }
        let role = match role {
            "limit" => Role::Limit,
            "peer" => Role::Peer,
            "bound" => Role::Bound,
            _ => return Err(bad()),
        };
        let goal = if goal.is_empty() { None } else { Some(goal.parse().map_err(|_| bad())?) };
        let row = rows.last_mut().filter(|row| row.level == level && row.name == name);
        let measured = figure.zip(ratio);
        let other = Other { name: contender.to_owned(), role, goal, measured };
        row.ok_or_else(bad)?.others.push(other);
    }
    Ok(rows)
}

fn middle(words: &[&str]) -> Option<Middle> {
    let numbers: Vec<f64> = words.iter().map_while(|word| word.parse().ok()).collect();
    let [low, value, high] = numbers[..] else { return None };
    Some(Middle { low, value, high })
}

/// Returns today's date, as the world has it.
fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date(now.as_secs() / 86_400)
}

/// Returns the date so many days after 1970 began.
fn date(mut days: u64) -> String {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::sample;

    #[test]
    fn what_is_written_is_read() {
        let mut rows =
            [None, Some(At::Bytes(65_536)), Some(At::Mappings(1000))].map(sample).to_vec();
        rows[1].unit = Unit::Mebibytes;
        rows[2].name = "another".to_owned();
        let text = to_csv(&rows);
        assert_eq!(from_csv(&text), Ok(rows));
        let line = "copy,a row,ns,,,slow,peer,0.4,8.0000,8.0000,8.0000,0.5000,0.5000,0.5000,missed";
        assert!(text.lines().any(|found| found == line), "{text}");
    }

    #[test]
    fn what_is_no_record_is_refused_by_line() {
        assert!(from_csv("level,row\n").is_err());
        let ours = "copy,a,ns,,,usermem,ours,,1,2,3,,,,";
        assert!(from_csv(&format!("{HEAD}\n{ours}\n")).is_ok());
        for bad in
            ["copy,a,ns,,,memcpy,limit,1,1,2,3,1,1,1,met", "copy,a", &ours.replace("ns", "s")]
        {
            let message = from_csv(&format!("{HEAD}\n{bad}\n")).unwrap_err();
            assert!(message.starts_with("line 2: "), "{message}");
        }
    }

    #[test]
    fn dates_know_leap_years() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(59), "1970-03-01");
        assert_eq!(date(789), "1972-02-29");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_453), "2025-12-31");
    }
}
