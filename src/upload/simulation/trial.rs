//! A run against a model, and what it gets of what the model allows.

use super::server::{Model, Server};
use super::*;

/// A model, what it allows, and what became of a run against it.
#[derive(Clone, Copy)]
pub struct Trial {
    pub model: Model,
    /// Seconds that an accepted request takes.
    pub takes: f64,
    /// The seconds of a Retry-After that comes with each refusal.
    pub tells: Option<f64>,
    /// The share that is refused at random, beside what the model refuses.
    pub strays: f64,
    /// The share of accepted requests that takes two seconds more.
    pub stragglers: f64,
    pub jobs: u64,
    pub seed: u64,
}

impl Trial {
    pub fn new(model: Model, takes: f64, jobs: u64) -> Self {
        Trial { model, takes, tells: None, strays: 0.0, stragglers: 0.0, jobs, seed: 0 }
    }

    /// A tenth of a millisecond as on one machine, or 20 ms as to another town.
    pub fn round_trip(&self) -> f64 {
        if self.takes < 0.1 { 0.0001 } else { 0.02 }
    }

    pub fn server(&self) -> Server {
        let mut server = Server::new(self.model, self.takes);
        // With one job the time that a request takes is the gap between two.
        server.wavers = self.jobs > 1;
        (server.strays, server.stragglers) = (self.strays, self.stragglers);
        server.tells = self.tells;
        server.noise.0 ^= self.seed << 20;
        server
    }

    pub fn simulation(&self) -> Simulation {
        let mut simulation = Simulation::new(self.server(), self.round_trip());
        simulation.noise.0 ^= self.seed << 20;
        simulation
    }

    /// Accepts a second, by a run that knows the limit.
    pub fn allowed(&self) -> f64 {
        let accept = self.takes + self.round_trip();
        let most = self.jobs as f64 / accept;
        match self.model {
            Model::Leaky { rate, .. } | Model::Token { rate, .. } => rate.min(most),
            Model::Window { count, seconds, .. } => most.min(f64::from(count) / seconds),
            Model::UnderWay(limit) => most.min(f64::from(limit) / accept),
            Model::Chance(share) => {
                // All jobs wait for a Retry-After.
                let wait = self.tells.unwrap_or(0.0) * self.jobs as f64;
                self.jobs as f64 / (accept + share / (1.0 - share) * (self.round_trip() + wait))
            }
        }
    }

    pub fn run(&self, seconds: f64) -> Report {
        let mut simulation = self.simulation();
        simulation.run(self.jobs, u64::MAX, policy(), 0.0);
        simulation.go(seconds);
        std::mem::take(&mut simulation.runs[0].report)
    }
}
