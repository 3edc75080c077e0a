//! Cost over size and over number of mappings, as drawings.

use std::fmt::Write as _;

use crate::row::{At, Role, Row};

/// A drawing.
pub(crate) struct Plot {
    pub(crate) level: String,
    pub(crate) axis: &'static str,
    pub(crate) title: String,
    pub(crate) svg: String,
}

/// A line of a drawing.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Returns a drawing for each level and axis that has a row in at least three places.
pub(crate) fn plots(rows: &[Row]) -> Vec<Plot> {
    let mut levels: Vec<&str> = rows.iter().map(|row| row.level.as_str()).collect();
    levels.dedup();
    let mut plots = Vec::new();
    for level in levels {
        for axis in ["bytes", "mappings"] {
            let places: Vec<(&Row, f64)> = rows
                .iter()
                .filter(|row| row.level == level)
                .filter_map(|row| Some((row, place(row, axis)?)))
                .collect();
            let is_alone = places.windows(2).all(|pair| kind(pair[0].0) == kind(pair[1].0));
            let mut lines: Vec<Line> = Vec::new();
            for (row, at) in places {
                let kind = if is_alone { String::new() } else { kind(row) };
                add(&mut lines, format!("usermem{kind}"), (at, row.ours.value));
                for other in row.others.iter().filter(|other| other.role != Role::Bound) {
                    if let Some((figure, _)) = other.measured {
                        add(&mut lines, format!("{}{kind}", other.name), (at, figure.value));
                    }
                }
            }
            lines.retain(|line| line.points.len() >= 3);
            for line in &mut lines {
                line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
            }
            if !lines.is_empty() {
                let title = format!("{level}: nanoseconds over {axis}");
                let svg = draw(&title, &lines);
                plots.push(Plot { level: level.to_owned(), axis, title, svg });
            }
        }
    }
    plots
}

/// Returns where a row stands on an axis, if it does.
fn place(row: &Row, axis: &str) -> Option<f64> {
    match row.at? {
        At::Bytes(at) => (axis == "bytes").then_some(at as f64),
        At::Mappings(at) => (axis == "mappings").then_some(at as f64),
    }
}

/// Returns what tells kinds of rows of one level apart: the first word of the name, when it has no digit.
fn kind(row: &Row) -> String {
    let first = row.name.split(' ').next().unwrap_or_default();
    let is_word = first.chars().all(|letter| letter.is_ascii_lowercase());
    if is_word && !first.is_empty() { format!(" ({first})") } else { String::new() }
}

fn add(lines: &mut Vec<Line>, name: String, point: (f64, f64)) {
    match lines.iter_mut().find(|line| line.name == name) {
        Some(line) => line.points.push(point),
        None => lines.push(Line { name, points: vec![point] }),
    }
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// Room around the lines: left, for figures; right, for names; above and below.
const MARGINS: (f64, f64, f64, f64) = (70.0, 190.0, 40.0, 40.0);

const COLOURS: [&str; 8] =
    ["#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f"];

/// A range of numbers on a logarithmic scale, between powers of `base`, over pixels.
struct Scale {
    base: f64,
    from: f64,
    to: f64,
    pixels: (f64, f64),
}

impl Scale {
    fn new(numbers: impl Iterator<Item = f64> + Clone, base: f64, pixels: (f64, f64)) -> Self {
        let least = numbers.clone().fold(f64::INFINITY, f64::min).max(1e-3);
        let most = numbers.fold(0.0, f64::max).max(least);
        let (from, to) = (least.log(base).floor(), most.log(base).ceil());
        Self { base, from, to: to.max(from + 1.0), pixels }
    }

    fn place(&self, number: f64) -> f64 {
        let part = (number.max(1e-3).log(self.base) - self.from) / (self.to - self.from);
        self.pixels.0 + part * (self.pixels.1 - self.pixels.0)
    }

    /// Returns every power of the base in the range.
    fn marks(&self) -> impl Iterator<Item = f64> + '_ {
        let mut power = self.from;
        std::iter::from_fn(move || {
            let mark = (power <= self.to).then(|| self.base.powf(power));
            power += 1.0;
            mark
        })
    }
}

fn draw(title: &str, lines: &[Line]) -> String {
    let (left, right, above, below) = MARGINS;
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let x = Scale::new(points().map(|point| point.0), 4.0, (left, WIDTH - right));
    let y = Scale::new(points().map(|point| point.1), 10.0, (HEIGHT - below, above));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{left}\" y=\"22\" font-size=\"14\">{title}</text>\n"
    );
    let mut put =
        |line: String| writeln!(svg, "{line}").expect("writing to a string does not fail");
    for mark in x.marks() {
        let at = x.place(mark);
        put(format!(
            "<path d=\"M{at:.1} {above}V{:.1}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}</text>",
            HEIGHT - below,
            HEIGHT - below + 16.0,
            short(mark)
        ));
    }
    for mark in y.marks() {
        let at = y.place(mark);
        put(format!(
            "<path d=\"M{left} {at:.1}H{:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{mark}</text>",
            WIDTH - right,
            left - 6.0,
            at + 4.0
        ));
    }
    for (index, line) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let points: Vec<String> = line
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x.place(point.0), y.place(point.1)))
            .collect();
        put(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        ));
        put(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{}</text>",
            WIDTH - right + 10.0,
            above + 10.0 + 16.0 * index as f64,
            line.name
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Returns a power of four as one reads it.
fn short(number: f64) -> String {
    if number >= (1 << 20) as f64 {
        format!("{}Mi", number / (1 << 20) as f64)
    } else if number >= 1024.0 {
        format!("{}Ki", number / 1024.0)
    } else {
        format!("{number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::sample;

    #[test]
    fn rows_of_three_places_make_a_drawing() {
        let places = [64, 1024, 65_536].map(|at| sample(Some(At::Bytes(at))));
        let plots = plots(&places);
        assert_eq!(plots.len(), 1);
        let Plot { level, axis, svg, .. } = &plots[0];
        assert_eq!((level.as_str(), *axis), ("copy", "bytes"));
        // Ours, and two that were measured; the third was not.
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains(">64Ki<") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(super::plots(&places[..2]).is_empty());
    }

    #[test]
    fn kinds_of_rows_have_lines_of_their_own() {
        let mut rows = [1, 10, 100, 1, 10, 100].map(|at| sample(Some(At::Mappings(at)))).to_vec();
        rows.iter_mut().skip(3).for_each(|row| row.name = "fork of some".to_owned());
        let plots = plots(&rows);
        assert_eq!(plots[0].svg.matches("<polyline").count(), 6);
        assert!(
            plots[0].svg.contains(">usermem (fork)<") && plots[0].svg.contains(">usermem (a)<")
        );
    }

    #[test]
    fn scales_end_at_powers() {
        let scale = Scale::new([3.0, 50.0].into_iter(), 10.0, (0.0, 100.0));
        assert_eq!(scale.marks().collect::<Vec<_>>(), [1.0, 10.0, 100.0]);
        assert_eq!([1.0, 10.0, 100.0].map(|number| scale.place(number)), [0.0, 50.0, 100.0]);
    }
}
