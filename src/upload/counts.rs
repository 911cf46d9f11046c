//! What became of attempts by their pace, and of the same attempts by the number of those under way; and how well
//! a limit explains it.

/// Each count fades with later ones: what this many attempts tell is remembered.
const MEMORY: f64 = 512.0;

/// From this weight on all counts are made lighter, and those that have faded are dropped.
const HEAVY: f64 = 50.0;
const FADED: f64 = 0.01;

/// Paces that are counted together differ by less than this factor.
const STEP: f64 = 1.04;

/// What a limiter refuses of attempts that are slow enough.
pub const STRAY: f64 = 0.01;

/// How much less likely than a limit alone, as a logarithm, a limit beside refusals by chance is.
const BOTH: f64 = 2.0;

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
struct Counts(Vec<(i32, Count)>);

/// Attempts by their pace, and the same attempts by the number of those under way. That all counts fade is that
/// what is added gains weight: no attempt costs a walk over all counts.
pub struct Attempts {
    by_pace: Counts,
    by_room: Counts,
    weight: f64,
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
    pub fn new() -> Self {
        Attempts { by_pace: Counts::default(), by_room: Counts::default(), weight: 1.0 }
    }

    pub fn is_empty(&self) -> bool {
        self.by_pace.0.is_empty()
    }

    pub fn total(&self) -> Count {
        self.unweighted(self.by_pace.total())
    }

    /// What was added is in the counts times the weight that it had then.
    fn unweighted(&self, count: Count) -> Count {
        count.times(1.0 / self.weight)
    }

    pub fn add(&mut self, attempt: &Attempt, count: Count) {
        let count = count.times(self.weight);
        self.by_pace.add(step_of(attempt.pace), count);
        self.by_room.add(i32::try_from(attempt.under_way).unwrap_or(i32::MAX), count);
    }

    pub fn fade(&mut self) {
        self.weight /= 1.0 - 1.0 / MEMORY;
        if self.weight > HEAVY {
            self.by_pace.lighten(self.weight);
            self.by_room.lighten(self.weight);
            self.weight = 1.0;
        }
    }

    /// Limits of the pace that may explain the refusals, with the logarithm of how unlikely they are.
    pub fn limits(&self) -> impl Iterator<Item = (Explanation, f64)> {
        let highest = self.by_pace.0.last().map_or(0.0, |&(step, _)| pace_of(step));
        self.by_pace.0.iter().flat_map(move |&(step, count)| {
            let pace = pace_of(step);
            let limits = [pace, pace * self.unweighted(count).accepts()].into_iter();
            limits.filter(move |&limit| limit < highest).flat_map(|limit| {
                let alone = Explanation { share: STRAY, limit, room: None };
                let slow = self.unweighted(self.by_pace.up_to(step_of(limit)));
                let share = slow.share().max(STRAY);
                let cost = if share > MOST_BESIDE { f64::INFINITY } else { BOTH };
                [(alone, 0.0), (Explanation { share, ..alone }, cost)]
            })
        })
    }

    /// Limits of the attempts under way that may explain them.
    pub fn rooms(&self) -> impl Iterator<Item = Explanation> {
        let sizes = self.by_room.0.split_last().map_or(&[][..], |(_, smaller)| smaller);
        sizes.iter().map(|&(size, _)| {
            let beside_more = self.unweighted(self.by_room.above(size));
            let refused = beside_more.share().clamp(STRAY, 1.0 - STRAY);
            let room = Some((u32::try_from(size).unwrap_or(1), refused));
            Explanation { share: STRAY, room, ..UNLIMITED }
        })
    }

    /// The logarithm of how likely the counts are.
    pub fn likelihood(&self, explanation: &Explanation) -> f64 {
        // Most paces have but one kind, and a logarithm takes its time.
        let of = |number: f64, share: f64| if number > 0.0 { number * share.ln() } else { 0.0 };
        let of_count = |accepts: f64, count: &Count| {
            of(count.accepted, accepts) + of(count.refused, 1.0 - accepts)
        };
        let likelihood: f64 = match explanation.room {
            Some(_) => {
                let counts = self.by_room.0.iter();
                counts.map(|(size, it)| of_count(explanation.accepts_beside(*size), it)).sum()
            }
            None => {
                let counts = self.by_pace.0.iter();
                counts.map(|(step, it)| of_count(explanation.accepts_at(pace_of(*step)), it)).sum()
            }
        };
        likelihood / self.weight
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
        match self.0.binary_search_by_key(&key, |&(key, _)| key) {
            Ok(index) => self.0[index].1.add(count),
            Err(index) => self.0.insert(index, (key, count)),
        }
    }

    fn total(&self) -> Count {
        sum(&self.0)
    }

    fn up_to(&self, key: i32) -> Count {
        sum(&self.0[..self.0.partition_point(|&(it, _)| it <= key)])
    }

    fn above(&self, key: i32) -> Count {
        sum(&self.0[self.0.partition_point(|&(it, _)| it <= key)..])
    }

    fn lighten(&mut self, weight: f64) {
        self.0.iter_mut().for_each(|(_, count)| *count = count.times(1.0 / weight));
        // The highest one stays: below it limits are looked for.
        let highest = self.0.last().map(|&(key, _)| key);
        self.0
            .retain(|&(key, count)| count.accepted + count.refused > FADED || Some(key) == highest);
    }
}

fn sum(counts: &[(i32, Count)]) -> Count {
    let mut sum = Count::default();
    counts.iter().for_each(|&(_, count)| sum.add(count));
    sum
}

impl Count {
    fn add(&mut self, other: Count) {
        self.accepted += other.accepted;
        self.refused += other.refused;
    }

    fn times(self, factor: f64) -> Count {
        Count { accepted: factor * self.accepted, refused: factor * self.refused }
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

#[expect(clippy::cast_possible_truncation, reason = "it is from -352 to 528")]
fn step_of(pace: f64) -> i32 {
    (pace.clamp(1e-6, 1e9).ln() / STEP.ln()).round() as i32
}

fn pace_of(step: i32) -> f64 {
    STEP.powi(step)
}
