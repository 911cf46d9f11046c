//! The attempts of one frame, and whether the server refuses this frame and no other.

/// A frame is odd after so many refusals, if since the first one at least so many others were accepted, and
/// twice as many as were refused.
const ODD_REFUSALS: u32 = 3;
const ODD_ACCEPTS: u64 = 4;

/// A frame's refusals say nothing about the pace if at least so many others started between two of them and
/// none was refused.
const OTHERS: u64 = 3;

/// What has become of all frames of a run.
#[derive(Debug, Default)]
pub struct Totals {
    pub starts: u64,
    pub accepted: u64,
    /// Refusals of frames that are not odd.
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
    accepted: u64,
    refusals: u64,
    is_odd: bool,
    /// The run's refusals and starts at this frame's last refusal.
    last_refusals: u64,
    last_starts: u64,
    is_news: bool,
}

impl Tries {
    /// Whether the server refuses this frame and takes others: then its refusals say nothing about the pace.
    pub fn is_odd(&self) -> bool {
        self.is_odd
    }

    /// Whether the last refusal says something about the pace. It does not if others started since the one
    /// before, and none of those was refused.
    pub fn is_news(&self) -> bool {
        self.is_news
    }

    /// Notes a refusal of the frame, and whether the server takes others meanwhile.
    pub fn look_around(&mut self, totals: &mut Totals) {
        if self.refused == 0 {
            (self.accepted, self.refusals) = (totals.accepted, totals.refusals);
        } else if self.refused + 1 >= ODD_REFUSALS {
            let accepts = totals.accepted - self.accepted;
            let own = u64::from(self.refused);
            let refusals = (totals.refusals - self.refusals).saturating_sub(own);
            self.is_odd |= accepts >= ODD_ACCEPTS.max(2 * refusals);
        }
        let others_were_refused = totals.refusals > self.last_refusals;
        let others_started = totals.starts > self.last_starts + OTHERS;
        self.is_news = self.refused == 0 || others_were_refused || !others_started;
        totals.refusals += u64::from(!self.is_odd);
        (self.last_refusals, self.last_starts) = (totals.refusals, totals.starts);
    }
}
