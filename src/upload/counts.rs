//! What became of attempts by their pace, and of the same attempts by the number of those under way; and how well
//! a limit explains it.

use std::collections::BTreeMap;

/// Each count fades with later ones: what this many attempts tell is remembered.
const MEMORY: f64 = 512.0;

/// Paces that are counted together differ by less than this factor.
const STEP: f64 = 1.04;

/// What a limiter refuses of attempts that are slow enough.
pub const STRAY: f64 = 0.01;

/// How much less likely than a limit alone, as a logarithm: a limit beside refusals by chance, and a limit of the
/// attempts under way.
const BOTH: f64 = 2.0;
const ROOM: f64 = 3.0;

/// With more refusals by chance than this share there is no telling a limit.
const MOST_BESIDE: f64 = 0.7;

/// Nothing is known: so few refusals by chance cost nothing.
pub const UNLIMITED: Explanation = Explanation { share: 0.02, limit: f64::INFINITY, room: None };

/// Attempts at about one pace, or beside as many others.
#[derive(Clone, Copy, Default)]
pub struct Count {
    pub accepted: f64,
    pub refused: f64,
}

/// In ascending order: the pace or the number under way, with what became of such attempts.
#[derive(Default)]
struct Counts(BTreeMap<i32, Count>);

/// Attempts by their pace, and the same attempts by the number of those under way.
#[derive(Default)]
pub struct Attempts {
    by_pace: Counts,
    by_room: Counts,
}

/// An attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Attempts a second.
    pub pace: f64,
    /// Attempts under way when it started, itself included.
    pub under_way: u32,
    pub is_refused: bool,
}

/// What the server takes of the attempts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explanation {
    /// The share that is refused at any pace.
    pub share: f64,
    /// Attempts a second that it accepts at most.
    pub limit: f64,
    /// Attempts under way that it accepts at most, and the share that is refused of those beside more.
    pub room: Option<(u32, f64)>,
}

impl Attempts {
    pub fn is_empty(&self) -> bool {
        self.by_pace.0.is_empty()
    }

    pub fn total(&self) -> Count {
        self.by_pace.total()
    }

    pub fn add(&mut self, attempt: &Attempt, count: Count) {
        self.by_pace.add(step_of(attempt.pace), count);
        self.by_room.add(i32::try_from(attempt.under_way).unwrap_or(i32::MAX), count);
    }

    pub fn fade(&mut self) {
        let counts = self.by_pace.0.values_mut().chain(self.by_room.0.values_mut());
        for count in counts {
            count.accepted *= 1.0 - 1.0 / MEMORY;
            count.refused *= 1.0 - 1.0 / MEMORY;
        }
    }

    /// Limits of the pace that may explain the refusals, with the logarithm of how unlikely they are.
    pub fn limits(&self) -> impl Iterator<Item = (Explanation, f64)> {
        let highest = self.by_pace.0.keys().next_back().map_or(0.0, |&step| pace_of(step));
        self.by_pace.0.iter().flat_map(move |(&step, count)| {
            let pace = pace_of(step);
            let limits = [pace, pace * count.accepts()].into_iter();
            limits.filter(move |&limit| limit < highest).flat_map(|limit| {
                let alone = Explanation { share: STRAY, limit, room: None };
                let share = self.by_pace.up_to(step_of(limit)).share().max(STRAY);
                let cost = if share > MOST_BESIDE { f64::INFINITY } else { BOTH };
                [(alone, 0.0), (Explanation { share, ..alone }, cost)]
            })
        })
    }

    /// The same for limits of the attempts under way.
    pub fn rooms(&self) -> impl Iterator<Item = (Explanation, f64)> {
        let sizes = self.by_room.0.keys().zip(self.by_room.0.keys().skip(1));
        sizes.map(|(&size, _)| {
            let beside_more = self.by_room.above(size).share().clamp(STRAY, 1.0 - STRAY);
            let room = Some((u32::try_from(size).unwrap_or(1), beside_more));
            (Explanation { share: STRAY, room, ..UNLIMITED }, ROOM)
        })
    }

    /// The logarithm of how likely the counts are.
    pub fn likelihood(&self, explanation: &Explanation) -> f64 {
        let of_count = |accepts: f64, count: &Count| {
            count.accepted * accepts.ln() + count.refused * (1.0 - accepts).ln()
        };
        match explanation.room {
            Some(_) => {
                let counts = self.by_room.0.iter();
                counts.map(|(&size, it)| of_count(explanation.accepts_beside(size), it)).sum()
            }
            None => {
                let counts = self.by_pace.0.iter();
                counts.map(|(&step, it)| of_count(explanation.accepts_at(pace_of(step)), it)).sum()
            }
        }
    }
}

impl Explanation {
    /// The share of such attempts that is accepted.
    pub fn accepts(&self, attempt: &Attempt) -> f64 {
        match self.room {
            Some(_) => self.accepts_beside(i32::try_from(attempt.under_way).unwrap_or(i32::MAX)),
            None => self.accepts_at(attempt.pace),
        }
    }

    fn accepts_at(&self, pace: f64) -> f64 {
        ((1.0 - self.share) * (self.limit / pace).min(1.0)).clamp(0.001, 0.999)
    }

    fn accepts_beside(&self, under_way: i32) -> f64 {
        match self.room {
            Some((size, refused)) if i64::from(under_way) > i64::from(size) => 1.0 - refused,
            _ => 1.0 - self.share,
        }
    }
}

impl Counts {
    fn add(&mut self, key: i32, count: Count) {
        self.0.entry(key).or_default().add(count);
    }

    fn total(&self) -> Count {
        sum(self.0.values())
    }

    fn up_to(&self, key: i32) -> Count {
        sum(self.0.range(..=key).map(|(_, count)| count))
    }

    fn above(&self, key: i32) -> Count {
        sum(self.0.range(key + 1..).map(|(_, count)| count))
    }
}

fn sum<'a>(counts: impl Iterator<Item = &'a Count>) -> Count {
    let mut sum = Count::default();
    counts.for_each(|&count| sum.add(count));
    sum
}

impl Count {
    fn add(&mut self, other: Count) {
        self.accepted += other.accepted;
        self.refused += other.refused;
    }

    /// The share that was refused.
    pub fn share(&self) -> f64 {
        self.refused / (self.accepted + self.refused).max(1.0)
    }

    /// The share that is accepted, if few attempts say little.
    fn accepts(&self) -> f64 {
        (self.accepted + 0.5) / (self.accepted + self.refused + 0.5)
    }
}

// Between -352 and 529.
#[allow(clippy::cast_possible_truncation)]
fn step_of(pace: f64) -> i32 {
    (pace.clamp(1e-6, 1e9).ln() / STEP.ln()).round() as i32
}

fn pace_of(step: i32) -> f64 {
    STEP.powi(step)
}
