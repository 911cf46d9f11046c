//! How many uploads may be under way at once: where a server limits that and not the pace, and where we have
//! no descriptor or port for more.

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
}

impl Room {
    pub fn new() -> Self {
        Room { size: None, step: 1, accepted: 0, more: 0, misfits: 0 }
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
        match self.size {
            // Of two on their way the later one may arrive first; then the earlier one is refused.
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
            None => false,
        }
    }

    /// No more than `size` fit, for now.
    pub fn hold(&mut self, size: u32) {
        *self = Room { size: Some(size.max(1)), ..Room::new() };
    }
}
