//! How many uploads may be under way at once: where a server limits that and not the pace, and where we have
//! no descriptor or port for more.

/// Refusals of attempts beside too many others, and accepts of those beside fewer, before we believe it.
const TELLING_REFUSALS: f64 = 3.0;
const TELLING_ACCEPTS: f64 = 8.0;

/// Of attempts beside too many others at least this share is refused (the server may have finished one of
/// them, and we don't know it yet), and of those beside fewer at most that.
const MOST: f64 = 0.01;
const FEW: f64 = 0.1;

/// How unlikely it has to be that all refusals were of attempts beside too many others.
const UNLIKELY: f64 = 0.001;

/// What an attempt says fades with later ones beside as many others.
const FADE: f64 = 1.0 - 1.0 / 256.0;

/// Accepts until one upload more is tried.
const TRY_AFTER: u32 = 50;

/// Accepts beside more than fit, before we believe that more fit: the server may have finished one of those
/// that we count.
const FIRM: u32 = 4;

/// Refusals although there was room, each soon after the other, before we no longer believe in it.
const MISFITS: u32 = 4;

pub struct Room {
    /// The most uploads under way that fit; `None` while no such limit is known.
    size: Option<u32>,
    /// How many more are tried next.
    step: u32,
    accepted: u32,
    /// Accepts beside more than fit.
    more: u32,
    misfits: u32,
    /// Accepted and refused attempts by the number under way that they began with.
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Default)]
struct Level {
    accepted: f64,
    refused: f64,
}

impl Room {
    pub fn new() -> Self {
        Room { size: None, step: 1, accepted: 0, more: 0, misfits: 0, levels: Vec::new() }
    }

    pub fn size(&self) -> Option<u32> {
        self.size
    }

    /// Whether an attempt may start beside `under_way` others.
    pub fn is_for(&self, under_way: u32) -> bool {
        let Some(size) = self.size else { return true };
        let tried = if self.accepted >= TRY_AFTER { self.step } else { 0 };
        under_way < size + tried
    }

    /// An attempt was accepted that began as one of `under_way`.
    pub fn accepted(&mut self, under_way: u32) {
        self.level(under_way).accepted += 1.0;
        let Some(size) = self.size else { return };
        self.accepted += 1;
        if under_way <= size {
            return;
        }
        self.more += 1;
        if self.more >= FIRM {
            (self.size, self.step, self.more) = (Some(size + self.step), 2 * self.step, 0);
        }
    }

    /// An attempt was refused that began as one of `under_way`. Returns whether the room explains it.
    pub fn refused(&mut self, under_way: u32) -> bool {
        self.level(under_way).refused += 1.0;
        match self.size {
            // One more overtakes another on its way, and the other one is refused.
            Some(size) if under_way > size || self.accepted >= TRY_AFTER => {
                (self.step, self.accepted, self.more) = (1, 0, 0);
                true
            }
            Some(_) => {
                // The last one more that we tried did not fit after all.
                self.misfits = if self.accepted < TRY_AFTER / 2 { self.misfits + 1 } else { 1 };
                (self.size, self.step) = (Some(under_way - 1), 1);
                (self.accepted, self.more) = (0, 0);
                if self.misfits >= MISFITS || under_way == 1 {
                    *self = Room::new();
                }
                self.size.is_some()
            }
            None => match self.found() {
                Some(size) => {
                    self.hold(size);
                    true
                }
                None => false,
            },
        }
    }

    /// No more than `size` fit, for now.
    pub fn hold(&mut self, size: u32) {
        *self = Room { size: Some(size.max(1)), ..Room::new() };
    }

    fn level(&mut self, under_way: u32) -> &mut Level {
        let at = under_way as usize;
        if self.levels.len() <= at {
            self.levels.resize(at + 1, Level::default());
        }
        let level = &mut self.levels[at];
        level.accepted *= FADE;
        level.refused *= FADE;
        level
    }

    /// The most under way of which few are refused, if of more most are.
    fn found(&self) -> Option<u32> {
        let sum = |levels: &[Level]| {
            let add = |sum: Level, level: &Level| Level {
                accepted: sum.accepted + level.accepted,
                refused: sum.refused + level.refused,
            };
            levels.iter().fold(Level::default(), add)
        };
        (2..self.levels.len()).rev().find_map(|at| {
            let (fits, overflows) = (sum(&self.levels[..at]), sum(&self.levels[at..]));
            let few = overflows.count() / (fits.count() + overflows.count()).max(1.0);
            let is_found = few.powf(overflows.refused) < UNLIKELY
                && overflows.refused >= TELLING_REFUSALS
                && overflows.share() >= MOST
                && fits.accepted >= TELLING_ACCEPTS
                && fits.share() <= FEW * overflows.share();
            is_found.then(|| u32::try_from(at - 1).unwrap_or(u32::MAX))
        })
    }
}

impl Level {
    fn count(self) -> f64 {
        self.accepted + self.refused
    }

    /// The share that was refused.
    fn share(self) -> f64 {
        self.refused / self.count().max(1.0)
    }
}
