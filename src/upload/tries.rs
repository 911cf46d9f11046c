//! The attempts of one frame: how many it may still get, and whether the server refuses this frame and takes the
//! others. Without --retry each cause has its own number of attempts.

use crate::http::Outcome;

/// A frame has failed with its 21st refusal: a server that refuses half of all attempts at random fails one frame in two
/// million.
pub const REFUSALS: u32 = 20;

/// Further attempts while no frame has been answered yet, so that a wrong port is told in seconds; and of what
/// may have arrived.
pub const FEW: u32 = 3;

/// A frame is refused alone from its third refusal on, if since the first one 4 others at least were accepted, and two
/// for each other that was refused.
const ALONE: u32 = 3;
const ACCEPTS: u64 = 4;

/// What has become of all frames of a run.
#[derive(Debug, Default)]
pub struct Totals {
    /// Whether there was any response, a refusal too.
    pub has_responded: bool,
    /// Frames that the server has taken, or judged.
    pub accepted: u64,
    /// Refusals of frames that are not refused alone.
    refusals: u64,
}

/// The attempts of one frame so far.
#[derive(Debug, Default)]
pub struct Tries {
    pub attempts: u32,
    /// Whether one of them may have arrived.
    pub is_posted: bool,
    pub refused: u32,
    pub never_sent: u32,
    pub unknown: u32,
    /// The run's accepts and refusals before this frame's first refusal.
    before: (u64, u64),
    /// Whether the server refuses this frame and takes others: then its refusals say nothing about the pace.
    pub is_refused_alone: bool,
}

impl Tries {
    /// Counts a failure that may be repeated. Returns how many attempts its cause still leaves; `None`: any number.
    pub fn count(&mut self, outcome: Outcome, totals: &mut Totals) -> Option<u32> {
        let (count, most) = match outcome {
            Outcome::RefusedForNow => {
                self.note_refusal(totals);
                (&mut self.refused, Some(REFUSALS))
            }
            Outcome::Unknown | Outcome::HungUp => (&mut self.unknown, Some(FEW)),
            _ => (&mut self.never_sent, Some(FEW).filter(|_| !totals.has_responded)),
        };
        *count += 1;
        most.map(|most| most.saturating_sub(*count - 1))
    }

    /// The frame was refused once more than `refused` says.
    fn note_refusal(&mut self, totals: &mut Totals) {
        if self.refused == 0 {
            self.before = (totals.accepted, totals.refusals);
        } else if self.refused + 1 >= ALONE {
            let own = u64::from(self.refused);
            let refusals = (totals.refusals - self.before.1).saturating_sub(own);
            self.is_refused_alone |= totals.accepted - self.before.0 >= ACCEPTS.max(2 * refusals);
        }
        totals.refusals += u64::from(!self.is_refused_alone);
    }
}
