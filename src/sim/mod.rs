//! A pocket INTERPOL for evaluation, training and tests.

pub mod feed;
