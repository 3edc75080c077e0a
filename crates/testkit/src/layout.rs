//! What is mapped where, at a glance.

use usermem_types::{AccessType, Addr, AddrRange, FaultKind};

/// A range that is mapped alike.
///
/// ```
/// use testkit::{Area, Layout};
/// use usermem_types::{AccessType, Addr, FaultKind};
///
/// let area = Area {
///     range: Addr::new(0x1000).to_range(0x1000).unwrap(),
///     access: AccessType::READ,
///     max_access: AccessType::READ_WRITE,
///     fault: Some(FaultKind::Bus),
/// };
/// assert_eq!(Layout::new(vec![area]), Layout::parse("r-- 1000-2000 max rw- bus"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Where it lies.
    pub range: AddrRange,
    /// What the program may do there.
    pub access: AccessType,
    /// What may be done there when the program's own protections are ignored.
    pub max_access: AccessType,
    /// The fault of every access, when there is nothing behind the mapping.
    pub fault: Option<FaultKind>,
}

/// What is mapped where.
///
/// ```
/// use testkit::Layout;
/// let layout = Layout::parse("rw- 1000-2000; r-- 2000-3000 max rw-; rw- 3000-4000 bus");
/// assert_eq!(layout.areas().len(), 3);
/// assert!(layout.areas()[1].max_access.write());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    areas: Vec<Area>,
}

impl Layout {
    /// Creates a layout of areas, of which later ones replace what earlier ones say.
    #[must_use]
    pub fn new(areas: Vec<Area>) -> Self {
        Self { areas }
    }

    /// Reads a layout: areas with semicolons between them, each with its access, its range in
    /// hexadecimal digits, maybe `max` and an access (all, otherwise), maybe `bus`.
    ///
    /// # Panics
    /// When the text is not a layout.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::new(
            text.split(';').map(str::trim).filter(|area| !area.is_empty()).map(area).collect(),
        )
    }

    /// Returns the areas.
    #[must_use]
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }
}

/// Reads one area.
fn area(text: &str) -> Area {
    let mut words = text.split_whitespace();
    let mut word = || words.next();
    let first = access(word().expect("an area begins with its access"));
    let (start, end) = word()
        .and_then(|range| range.split_once('-'))
        .expect("a range follows the access, as in 1000-2000");
    let hex = |digits| u64::from_str_radix(digits, 16).expect("hexadecimal digits");
    let range = AddrRange::new(Addr::new(hex(start)), Addr::new(hex(end)));
    let mut area = Area {
        range: range.expect("a range ends after it starts"),
        access: first,
        max_access: AccessType::ALL,
        fault: None,
    };
    while let Some(next) = word() {
        match next {
            "max" => area.max_access = access(word().expect("an access follows max")),
            "bus" => area.fault = Some(FaultKind::Bus),
            other => panic!("an area does not continue with {other}"),
        }
    }
    area
}

/// Reads an access as it is displayed.
fn access(text: &str) -> AccessType {
    text.chars().fold(AccessType::NONE, |access, letter| {
        access.union(match letter {
            'r' => AccessType::READ,
            'w' => AccessType::WRITE,
            'x' => AccessType::EXECUTE,
            '-' => AccessType::NONE,
            other => panic!("an access does not contain {other}"),
        })
    })
}
