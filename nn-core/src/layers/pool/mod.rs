//! Pooling layers, and the window geometry that they share.

mod average;
mod max;

pub(crate) use average::AvgPool;
pub(crate) use max::{MaxPool, Maxima, MaximaGradient, Pool};
