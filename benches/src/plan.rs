//! A row before it is measured, and how it is.

use crate::figures::Figures;
use crate::lap::Lap;
use crate::row::{At, Other, Role, Row, Unit};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds of each row; none: every contender has one short turn, for its answer.
    pub(crate) rounds: usize,
    /// Nanoseconds that a turn should take at least.
    pub(crate) turn: f64,
}

impl Effort {
    /// One short turn for everyone.
    pub(crate) const CHECK: Self = Self { rounds: 0, turn: 0.0 };

    /// Returns whether only answers matter.
    pub(crate) fn only_checks(self) -> bool {
        self.rounds == 0
    }

    /// Returns `full`, or `check` when only answers matter.
    pub(crate) fn size<T>(self, full: T, check: T) -> T {
        if self.only_checks() { check } else { full }
    }
}

/// A row before it is measured: who takes part.
pub(crate) struct Plan<'a> {
    name: String,
    unit: Unit,
    at: Option<At>,
    /// The fewest operations of a turn.
    least: u64,
    /// Whether a turn is one operation.
    is_whole: bool,
    ours: Option<Lap<'a>>,
    others: Vec<Contender<'a>>,
}

struct Contender<'a> {
    name: String,
    role: Role,
    goal: Option<f64>,
    lap: Option<Lap<'a>>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let (unit, at) = (Unit::Nanoseconds, None);
        Self { name, unit, at, least: 1, is_whole: false, ours: None, others: Vec::new() }
    }

    /// Gives the row a place in the plots, and the slack of its size.
    pub(crate) fn at(mut self, at: At) -> Self {
        self.at = Some(at);
        self
    }

    pub(crate) fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Makes every turn of so many operations at least, so that it goes through all of a table.
    pub(crate) fn at_least(mut self, operations: u64) -> Self {
        self.least = operations;
        self
    }

    /// Makes every turn a single operation, which is long by itself.
    pub(crate) fn whole(mut self) -> Self {
        self.is_whole = true;
        self
    }

    /// Adds us.
    pub(crate) fn ours(mut self, lap: impl FnMut(u64) -> Result<f64, String> + 'a) -> Self {
        self.ours = Some(Box::new(lap));
        self
    }

    /// Adds what the machine does at best.
    pub(crate) fn limit(
        self,
        name: &str,
        goal: f64,
        lap: impl FnMut(u64) -> Result<f64, String> + 'a,
    ) -> Self {
        self.other(name, Role::Limit, Some(goal), Some(Box::new(lap)))
    }

    /// Adds something that does the same job; `None` when this machine lacks it.
    pub(crate) fn peer<L>(self, name: &str, goal: f64, lap: Option<L>) -> Self
    where
        L: FnMut(u64) -> Result<f64, String> + 'a,
    {
        self.other(name, Role::Peer, Some(goal), lap.map(|lap| Box::new(lap) as Lap<'a>))
    }

    /// Adds something that is shown beside the others, without a goal; `None` when this machine lacks it.
    pub(crate) fn beside(self, name: &str, lap: Option<Lap<'a>>) -> Self {
        self.other(name, Role::Peer, None, lap)
    }

    /// Adds a number that was agreed on.
    pub(crate) fn bound(self, number: f64) -> Self {
        self.other("bound", Role::Bound, Some(number), None)
    }

    fn other(mut self, name: &str, role: Role, goal: Option<f64>, lap: Option<Lap<'a>>) -> Self {
        self.others.push(Contender { name: name.to_owned(), role, goal, lap });
        self
    }

    /// Measures everyone in interleaved rounds, after two that do not count.
    ///
    /// # Errors
    ///
    /// When an answer is wrong; names whose.
    ///
    /// # Panics
    ///
    /// When we take no part.
    pub(crate) fn measure(self, level: &str, effort: Effort) -> Result<Row, String> {
        let Self { name, unit, at, least, is_whole, ours, others } = self;
        let mut turns = vec![Turns::new("usermem", ours.expect("our own invariant: we take part"))];
        let mut kept = Vec::new();
        for Contender { name, role, goal, lap } in others {
            kept.push((name.clone(), role, goal, lap.is_some()));
            turns.extend(lap.map(|lap| Turns::new(&name, lap)));
        }
        for turns in &mut turns {
            turns.calibrate(least, is_whole, effort)?;
        }
        let warm_up = if effort.only_checks() {
            0
        } else if is_whole {
            1
        } else {
            2
        };
        for round in 0..warm_up + effort.rounds {
            for turns in &mut turns {
                if !is_whole {
                    turns.warm_up()?;
                }
                let figure = turns.take()?;
                if round >= warm_up {
                    turns.figures.push(figure);
                }
            }
        }
        let mut figures = turns.into_iter().map(|turns| turns.figures);
        let own = figures.next().expect("our own invariant: we are the first");
        let others = kept.into_iter().map(|(name, role, goal, takes_part)| match (role, goal) {
            (Role::Bound, Some(bound)) => {
                let fixed = crate::figures::Middle { low: bound, value: bound, high: bound };
                let measured = Some((fixed, own.over_fixed(bound)));
                Other { name, role, goal: Some(1.0), measured }
            }
            _ => {
                let theirs = takes_part.then(|| figures.next()).flatten();
                let measured = theirs.map(|theirs| (theirs.middle(), own.over(&theirs)));
                Other { name, role, goal, measured }
            }
        });
        let others = others.collect();
        Ok(Row { level: level.to_owned(), name, unit, at, ours: own.middle(), others })
    }
}

/// The most operations of a turn, for those that take no time that a clock shows.
const MOST: u64 = 1 << 30;

/// A contender at work.
struct Turns<'a> {
    name: String,
    lap: Lap<'a>,
    count: u64,
    figures: Figures,
}

impl<'a> Turns<'a> {
    fn new(name: &str, lap: Lap<'a>) -> Self {
        Self { name: name.to_owned(), lap, count: 1, figures: Figures::default() }
    }

    /// Finds how many operations make a turn.
    fn calibrate(&mut self, least: u64, is_whole: bool, effort: Effort) -> Result<(), String> {
        if effort.only_checks() {
            self.count = if is_whole { 1 } else { 16 };
            let figure = self.take()?;
            self.figures.push(figure);
            return Ok(());
        }
        if is_whole {
            return Ok(());
        }
        loop {
            let figure = self.take()?;
            let wanted = effort.turn / figure;
            if self.count as f64 >= wanted || self.count >= MOST {
                break;
            }
            // In steps: the first turns are slow, and say little.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive number that is no more than eight times a count"
            )]
            let next = wanted.min(self.count as f64 * 8.0).ceil() as u64;
            self.count = next.max(self.count + 1);
        }
        self.count = self.count.max(least);
        Ok(())
    }

    /// Does one operation that does not count. What the contender before left in the caches is not the same for
    /// everyone: of two that read the same bytes, the second would find them there.
    fn warm_up(&mut self) -> Result<(), String> {
        self.operate(1).map(drop)
    }

    fn take(&mut self) -> Result<f64, String> {
        self.operate(self.count)
    }

    fn operate(&mut self, count: u64) -> Result<f64, String> {
        (self.lap)(count).map_err(|message| format!("{}: {message}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const THREE: Effort = Effort { rounds: 3, turn: 1000.0 };

    #[test]
    fn turns_are_interleaved_and_the_first_do_not_count() {
        let order = RefCell::new(String::new());
        let plan = Plan::new("x").whole();
        let plan = plan
            .ours(|count| {
                assert_eq!(count, 1);
                order.borrow_mut().push('u');
                Ok(order.borrow().len() as f64)
            })
            .limit("limit", 1.0, |_| {
                order.borrow_mut().push('l');
                Ok(2.0)
            })
            .peer("absent", 1.0, None::<Lap<'_>>)
            .bound(10.0);
        let row = plan.measure("copy", THREE).unwrap();
        assert_eq!(*order.borrow(), "ulululul");
        // Turns 1, 3, 5, 7 of which the first does not count.
        assert_eq!(row.ours.value, 5.0);
        let measured: Vec<_> =
            row.others.iter().map(|other| other.measured.map(|(_, ratio)| ratio.value)).collect();
        assert_eq!(measured, [Some(2.5), None, Some(0.5)]);
    }

    #[test]
    fn a_turn_is_as_long_as_asked() {
        let counts = RefCell::new(Vec::new());
        let plan = Plan::new("x").at_least(50).ours(|count| {
            counts.borrow_mut().push(count);
            Ok(10.0)
        });
        plan.measure("copy", THREE).unwrap();
        let counts = counts.into_inner();
        // Two rounds that do not count and three that do, each after an operation of its own.
        assert!(counts.ends_with(&[1, 100].repeat(5)), "{counts:?}");
        let plan = Plan::new("x").at_least(500).ours(|count| {
            assert!(count <= 500);
            Ok(10.0)
        });
        assert_eq!(plan.measure("copy", THREE).unwrap().ours.value, 10.0);
    }

    #[test]
    fn wrong_answers_name_who_gave_them() {
        let plan = Plan::new("x").ours(|_| Ok(1.0)).peer(
            "liar",
            1.0,
            Some(|_| Err("the answer is 1, not 2".to_owned())),
        );
        assert_eq!(
            plan.measure("copy", Effort::CHECK),
            Err("liar: the answer is 1, not 2".to_owned())
        );
    }
}
