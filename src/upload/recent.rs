//! What became of the latest attempts.

use std::collections::VecDeque;
use std::time::Instant;

use super::chance::Tally;

/// The attempts that we look back on.
const LOOKED_AT: usize = 256;

/// Attempts since the last cut, the latest ones in the order of their starts.
#[derive(Default)]
pub struct Recent(VecDeque<Attempt>);

struct Attempt {
    at: Instant,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
pub enum State {
    UnderWay,
    Accepted,
    Refused,
}

impl Recent {
    pub fn start(&mut self, at: Instant) {
        if self.0.len() == LOOKED_AT {
            self.0.pop_front();
        }
        self.0.push_back(Attempt { at, state: State::UnderWay });
    }

    pub fn end(&mut self, at: Instant, state: State) {
        let first = self.0.partition_point(|attempt| attempt.at < at);
        let mut same = self.0.range_mut(first..).take_while(|attempt| attempt.at == at);
        if let Some(attempt) = same.find(|attempt| attempt.state == State::UnderWay) {
            attempt.state = state;
        }
    }

    /// The attempt that started then was none.
    pub fn forget(&mut self, at: Instant) {
        let is_it = |attempt: &Attempt| attempt.at == at && attempt.state == State::UnderWay;
        if let Some(index) = self.0.iter().rposition(is_it) {
            self.0.remove(index);
        }
    }

    /// Of attempts under way, those that started up to `silent_until` count as accepted: a refusal would have come.
    /// `drift` is the share of refusals that is no excess.
    pub fn tally(
        &self,
        last: Instant,
        since: Option<Instant>,
        silent_until: Option<Instant>,
        drift: f64,
    ) -> Tally {
        let mut tally = Tally { rate: 0.0, accepted: 0.0, refused: 0.0, in_a_row: 0, excess: 0.0 };
        let mut count = 0.0;
        for attempt in self.0.iter().take_while(|attempt| attempt.at <= last) {
            if attempt.state == State::UnderWay && Some(attempt.at) > silent_until {
                // Of this one and of later ones only refusals are known yet.
                break;
            }
            count += 1.0;
            match attempt.state {
                State::Refused => {
                    tally.refused += 1.0;
                    tally.in_a_row += 1;
                    tally.excess += 1.0 - drift;
                }
                State::UnderWay | State::Accepted => {
                    tally.accepted += 1.0;
                    tally.in_a_row = 0;
                    tally.excess = (tally.excess - drift).max(0.0);
                }
            }
        }
        let first = self.0.front().map_or(last, |first| first.at);
        // A pause after the cut counts: it may have been what the server asked for.
        let since = since.filter(|_| self.0.len() < LOOKED_AT).unwrap_or(first);
        tally.rate = count / (last - since).as_secs_f64().max(1e-6);
        tally
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}
