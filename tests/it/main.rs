//! Tests of the whole: the built binary and real parts.

mod supply;
