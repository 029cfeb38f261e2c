//! The simulator as a whole, set up so that it is a queue whose solution is known: open and closed
//! queues, loss systems, networks; and what is true of every system: monotonicity, scaling of time.
//!
//! A unit of the closed forms' time is a millisecond. Means are compared over replications: the
//! tolerance is a multiple of their standard error, and that must be small beside the mean.

#[path = "../data/closed_form.rs"]
mod closed_form;

mod closed;
mod judge;
mod loss;
mod open;
mod order;
mod steady;
mod system;
