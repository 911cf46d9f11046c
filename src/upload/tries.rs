//! The attempts of one frame, and whether the server refuses this frame and takes the others.

/// A frame is refused alone from its third refusal on, if since the first one 4 others at least were accepted, and two
/// for each other that was refused.
const REFUSALS: u32 = 3;
const ACCEPTS: u64 = 4;

/// What has become of all frames of a run.
#[derive(Debug, Default)]
pub struct Totals {
    pub accepted: u64,
    /// Refusals of frames that are not refused alone.
    refusals: u64,
}

/// The attempts of one frame so far.
#[derive(Debug, Default)]
pub struct Tries {
    pub attempts: u32,
    pub refused: u32,
    pub never_sent: u32,
    pub unknown: u32,
    /// The run's accepts and refusals before this frame's first refusal.
    before: (u64, u64),
    is_alone: bool,
}

impl Tries {
    /// Whether the server refuses this frame and takes others: then its refusals say nothing about the pace.
    pub fn is_refused_alone(&self) -> bool {
        self.is_alone
    }

    /// The frame was refused once more than `refused` says.
    pub fn note_refusal(&mut self, totals: &mut Totals) {
        if self.refused == 0 {
            self.before = (totals.accepted, totals.refusals);
        } else if self.refused + 1 >= REFUSALS {
            let own = u64::from(self.refused);
            let refusals = (totals.refusals - self.before.1).saturating_sub(own);
            self.is_alone |= totals.accepted - self.before.0 >= ACCEPTS.max(2 * refusals);
        }
        totals.refusals += u64::from(!self.is_alone);
    }
}
