//! Servers that refuse some of what they get.

/// Numbers from 0 to 1 that look random and are the same every time (xorshift64, Marsaglia 2003).
#[derive(Clone)]
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What a server refuses.
#[derive(Clone, Copy, Debug)]
pub enum Model {
    /// nginx's limit_req: what comes early waits for its turn, in a queue of `burst` places.
    Leaky { rate: f64, burst: f64 },
    /// nginx's limit_req with nodelay: a bucket that is full at first.
    Token { rate: f64, burst: f64 },
    /// A number of accepts in each window, and perhaps a Retry-After to the end of it.
    Window { count: u32, seconds: f64, tells: bool },
    /// A number under way at once: nginx's limit_conn.
    UnderWay(u32),
    /// This share of all attempts, at random.
    Chance(f64),
}

/// A server under a model, with the time that an accepted request takes there.
pub struct Server {
    pub model: Model,
    pub noise: Noise,
    /// Seconds.
    pub takes: f64,
    /// Whether it takes a random time, from half of it to one and a half.
    pub wavers: bool,
    /// The share of attempts that is refused at random, beside what the model refuses.
    pub strays: f64,
    /// The seconds of a Retry-After on every refusal.
    pub tells: Option<f64>,
    /// Before this it refuses everything.
    pub opens_at: f64,
    /// Begins and ends of its outages, in seconds: then it refuses connections.
    pub outages: Vec<(f64, f64)>,
    /// The share of accepted requests that takes two seconds more.
    pub stragglers: f64,
    excess: f64,
    last: f64,
    in_window: u32,
    window: f64,
    pub under_way: u32,
}

pub enum Verdict {
    /// Answered after a number of seconds.
    Accepted(f64),
    Refused(Option<f64>),
    Away,
}

impl Server {
    pub fn new(model: Model, takes: f64) -> Self {
        let noise = Noise(0x9e37_79b9_7f4a_7c15);
        Server {
            model,
            noise,
            takes,
            wavers: false,
            strays: 0.0,
            tells: None,
            opens_at: 0.0,
            outages: Vec::new(),
            stragglers: 0.0,
            excess: 0.0,
            last: f64::NEG_INFINITY,
            in_window: 0,
            window: 0.0,
            under_way: 0,
        }
    }

    pub fn takes(&mut self) -> f64 {
        if self.wavers { self.takes * (0.5 + self.noise.next()) } else { self.takes }
    }

    pub fn judge(&mut self, now: f64) -> Verdict {
        if self.outages.iter().any(|&(begin, end)| (begin..end).contains(&now)) {
            return Verdict::Away;
        }
        match self.judge_silently(now) {
            Verdict::Refused(None) => Verdict::Refused(self.tells),
            verdict => verdict,
        }
    }

    fn judge_silently(&mut self, now: f64) -> Verdict {
        if now < self.opens_at {
            return Verdict::Refused(None);
        }
        if self.strays > 0.0 && self.noise.next() < self.strays {
            return Verdict::Refused(None);
        }
        let is_straggler = self.stragglers > 0.0 && self.noise.next() < self.stragglers;
        let takes = self.takes() + if is_straggler { 2.0 } else { 0.0 };
        match self.model {
            Model::Leaky { rate, burst } => match self.fill(now, rate, burst) {
                Some(excess) => Verdict::Accepted(takes + excess / rate),
                None => Verdict::Refused(None),
            },
            Model::Token { rate, burst } => match self.fill(now, rate, burst) {
                Some(_) => Verdict::Accepted(takes),
                None => Verdict::Refused(None),
            },
            Model::Window { count, seconds, tells } => {
                let window = (now / seconds).floor();
                if window != self.window {
                    (self.window, self.in_window) = (window, 0);
                }
                if self.in_window < count {
                    self.in_window += 1;
                    return Verdict::Accepted(takes);
                }
                let wait = ((window + 1.0) * seconds - now).ceil();
                Verdict::Refused(tells.then_some(wait))
            }
            Model::UnderWay(limit) if self.under_way < limit => Verdict::Accepted(takes),
            Model::Chance(share) if self.noise.next() >= share => Verdict::Accepted(takes),
            Model::UnderWay(_) | Model::Chance(_) => Verdict::Refused(None),
        }
    }

    /// nginx's own arithmetic; `None`: it overflows.
    fn fill(&mut self, now: f64, rate: f64, burst: f64) -> Option<f64> {
        let excess = (self.excess - rate * (now - self.last).min(1e9) + 1.0).max(0.0);
        if excess > burst + 1e-9 && self.last.is_finite() {
            return None;
        }
        self.excess = if self.last.is_finite() { excess } else { 0.0 };
        self.last = now;
        Some(self.excess)
    }

    /// The limit changes by this factor.
    pub fn change(&mut self, factor: f64) {
        match &mut self.model {
            Model::Leaky { rate, .. } | Model::Token { rate, .. } => *rate *= factor,
            Model::UnderWay(limit) => *limit = (f64::from(*limit) * factor) as u32,
            Model::Window { count, .. } => *count = (f64::from(*count) * factor) as u32,
            Model::Chance(_) => {}
        }
    }
}
