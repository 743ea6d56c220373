//! From files to checked settings.

pub mod file;
