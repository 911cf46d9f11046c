//! An answer into a line on standard output.

pub mod line;
pub mod record;
