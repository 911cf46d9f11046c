//! Whether refusals are chance. A limiter accepts no more than its rate, and all of what comes more slowly.
//! Chance accepts the same share at any pace.
//!
//! After each cut of the pace we know one pace more with what became of it. Two likelihoods say which of both
//! explains them better: a generalised likelihood ratio. If it is chance, the pace goes back up, and if more is
//! refused there, it was not.
//!
//! A belief in chance must not last if it is wrong: two runs that both take the other one's load for chance
//! would both go too fast. So now and then some attempts are made at half the pace. Only a limiter takes more
//! of them. Refusals beyond chance are found by a CUSUM (Page 1954), the sum of what they exceed it by.

/// What became of attempts at one pace.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// Attempts a second.
    pub rate: f64,
    pub accepted: f64,
    pub refused: f64,
    /// The last so many were refused.
    pub in_a_row: u32,
    /// How far refusals have been above chance (Page 1954: CUSUM).
    pub excess: f64,
}

/// Paces that are compared.
const PACES: usize = 16;

/// After so many accepts the pace is right, and earlier ones don't matter.
const RIGHT: f64 = 48.0;

/// The logarithm of how much more likely chance has to be.
const MARGIN: f64 = 4.0;

/// It grows with each mistake, up to this.
const MOST_MARGIN: f64 = 6.0;

/// Fewer accepts or refusals say nothing.
const LEAST: f64 = 4.0;

/// What even a limiter refuses of what comes slowly enough.
const STRAY: f64 = 0.01;

/// The share of chance follows the refusals over so many attempts.
const MEMORY: f64 = 256.0;

/// No more than this is taken for chance.
const MOST_BY_CHANCE: f64 = 0.55;

/// A server that refuses more than this of so many attempts is limited, whatever it refuses by.
const MANY: f64 = 32.0;
const MOST: f64 = 0.75;

/// A proof is at least so many attempts at half the pace, or as many as have so many refusals by chance; and
/// it is a small part of all attempts.
const PROOF: f64 = 40.0;
const PROOF_REFUSALS: f64 = 16.0;
const PROOF_PART: f64 = 0.06;

/// As many attempts as are looked back on.
const MOST_IN_PROOF: f64 = 200.0;

/// At the slowest pace, as many accepts and refusals say that it is not the pace.
const STUCK: (f64, f64) = (4.0, 8.0);

pub struct Chance {
    /// The share of attempts that is refused at any pace.
    share: f64,
    tallies: Vec<Tally>,
    margin: f64,
    /// What became of attempts before a proof that is under way.
    proof: Option<Tally>,
    /// Attempts that the share stands on, and those of them since the pace went back up.
    known: f64,
    tried: f64,
}

impl Chance {
    pub fn new() -> Self {
        Chance {
            share: 0.0,
            tallies: Vec::new(),
            margin: MARGIN,
            proof: None,
            known: 0.0,
            tried: 0.0,
        }
    }

    pub fn share(&self) -> f64 {
        self.share
    }

    /// An attempt has ended.
    pub fn learn(&mut self, is_refused: bool) {
        if self.share > 0.0 {
            self.tried += 1.0;
            self.known = (self.known + 1.0).min(MEMORY);
            self.share += (f64::from(u8::from(is_refused)) - self.share) / self.known;
            self.share = if self.share < STRAY { 0.0 } else { self.share.min(MOST_BY_CHANCE) };
        }
    }

    /// Whether it is time for a proof: attempts at half the pace.
    pub fn wants_proof(&self) -> bool {
        self.share > 0.0 && self.tried * PROOF_PART >= self.proof_size()
    }

    fn proof_size(&self) -> f64 {
        (PROOF_REFUSALS / self.share.max(STRAY)).max(PROOF)
    }

    pub fn is_in_proof(&self) -> bool {
        self.proof.is_some()
    }

    /// From now on attempts start at half the pace of these.
    pub fn begin_proof(&mut self, tally: Tally) {
        self.proof = Some(tally);
        self.tried = 0.0;
    }

    /// What has become of attempts at half the pace: whether refusals are still chance, once it is known.
    pub fn end_proof(&mut self, tally: Tally) -> Option<Option<f64>> {
        let is_done = tally.accepted + tally.refused >= self.proof_size().min(MOST_IN_PROOF);
        let before = self.proof.filter(|_| is_done)?;
        self.proof = None;
        // A limiter accepts as many at half the pace, which is twice the share.
        let by_limiter = (before.share() * before.rate / tally.rate).min(1.0);
        let is_chance = tally.share() < (before.share() + by_limiter) / 2.0;
        self.tried = RIGHT;
        if !is_chance {
            (self.share, self.margin) = (0.0, (2.0 * self.margin).min(MOST_MARGIN));
        }
        Some(is_chance.then_some(before.rate))
    }

    /// Adds it to that of about the same pace, so that some paces far apart are kept.
    fn add(&mut self, tally: Tally) {
        let is_near = |known: &&mut Tally| (0.9..=1.1).contains(&(known.rate / tally.rate));
        match self.tallies.iter_mut().find(is_near) {
            Some(known) => {
                known.accepted += tally.accepted;
                known.refused += tally.refused;
            }
            None => self.tallies.push(tally),
        }
    }

    /// Whether so slow a pace is refused as often as faster ones.
    pub fn is_stuck(&mut self, rate: f64) -> bool {
        let (accepts, refusals) = STUCK;
        let is_it = |tally: &Tally| {
            tally.rate < 1.1 * rate && tally.accepted >= accepts && tally.refused >= refusals
        };
        let is_stuck = self.tallies.iter().any(is_it);
        if is_stuck {
            self.tallies.clear();
        }
        is_stuck
    }

    fn accepted(&self) -> f64 {
        self.tallies.iter().map(|tally| tally.accepted).sum()
    }

    fn refused(&self) -> f64 {
        self.tallies.iter().map(|tally| tally.refused).sum()
    }

    /// The slack of the test: a limiter refuses more than chance by at least this.
    pub fn slack(&self) -> f64 {
        if self.is_doubtful() { 0.15 } else { 0.05 + self.share / 4.0 }
    }

    /// Whether the pace went back up only a moment ago.
    fn is_doubtful(&self) -> bool {
        self.share > 0.0 && self.tried < RIGHT
    }

    /// Whether refusals are more than chance, in a cycle of so many attempts.
    pub fn is_exceeded(&self, tally: &Tally, attempts: f64) -> bool {
        // A random walk with this drift passes the threshold once in ten cycles or so.
        let variance = self.share * (1.0 - self.share);
        let walk = variance / (2.0 * self.slack()) * (10.0 * attempts).ln();
        let threshold = 0.85 + if self.is_doubtful() { walk.min(3.0) } else { walk };
        let row = self.share.powi(i32::try_from(tally.in_a_row).unwrap_or(i32::MAX));
        tally.excess > threshold || row < 0.1 / attempts || is_most(tally)
    }

    /// The pace was cut after this. Returns the pace to go back to if refusals are chance.
    pub fn explains(&mut self, tally: Tally) -> Option<f64> {
        if is_most(&tally) {
            (self.share, self.margin) = (0.0, MOST_MARGIN);
        } else if self.is_doubtful() {
            // More was refused at once: the limiter does it after all.
            self.share = 0.0;
            self.margin = (2.0 * self.margin).min(MOST_MARGIN);
        }
        if tally.accepted >= RIGHT || self.tallies.len() == PACES {
            let keep = if tally.accepted >= RIGHT { 0 } else { PACES - 1 };
            self.tallies.drain(..self.tallies.len() - keep);
        }
        self.add(tally);
        let (accepted, refused) = (self.accepted(), self.refused());
        if accepted < LEAST || refused < LEAST {
            return None;
        }
        let share = refused / (accepted + refused);
        self.known = accepted + refused;
        let margin = self.margin;
        if share > MOST_BY_CHANCE || self.of_chance(share) < self.of_limiter() + margin {
            return None;
        }
        // Of so few attempts a share that is too low would take chance for a limit at once.
        (self.share, self.tried) =
            (((refused + 1.0) / (self.known + 1.0)).min(MOST_BY_CHANCE), 0.0);
        self.tallies.drain(..).map(|tally| tally.rate).max_by(f64::total_cmp)
    }

    /// The logarithm of the likelihood that this share is refused at any pace.
    fn of_chance(&self, share: f64) -> f64 {
        self.tallies.iter().map(|tally| tally.log_likelihood(1.0 - share)).sum()
    }

    /// The same for the best limit: slower paces are accepted, and of faster ones no more than the limit.
    fn of_limiter(&self) -> f64 {
        let limits = self.tallies.iter().flat_map(|tally| [tally.rate, tally.rate * tally.share()]);
        let of_limit = |limit: f64| -> f64 {
            let of_one = |tally: &Tally| {
                let most = limit / tally.rate;
                let share = if most >= 1.0 { 1.0 - STRAY } else { tally.share().min(most) };
                tally.log_likelihood(share)
            };
            self.tallies.iter().map(of_one).sum()
        };
        limits.map(of_limit).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Whether more is refused than chance ever would.
fn is_most(tally: &Tally) -> bool {
    tally.accepted + tally.refused >= MANY && tally.share() < 1.0 - MOST
}

impl Tally {
    /// The share that was accepted.
    pub fn share(&self) -> f64 {
        self.accepted / (self.accepted + self.refused).max(1.0)
    }

    fn log_likelihood(&self, share: f64) -> f64 {
        let share = share.clamp(0.001, 0.999);
        self.accepted * share.ln() + self.refused * (1.0 - share).ln()
    }
}
