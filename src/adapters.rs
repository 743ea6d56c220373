//! The adapters that are built in.
//!
//! One slice is the registry: config, `postern adapters`, `postern decode` and the lanes all read it, so an adapter that
//! stands here exists everywhere, and one that doesn't exists nowhere.

use std::sync::Arc;

use postern_sdk::Adapter;

/// An adapter that is built in.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The name under which a lane asks for it.
    pub name: &'static str,
    /// Whether the native format can carry agency, end user, site and purpose. If it can't, the lane must supply them.
    pub carries_context: bool,
    /// Makes one.
    pub make: fn() -> Arc<dyn Adapter>,
}

/// The adapters that are built in, in the order of their names.
pub const ADAPTERS: &[Entry] = &[
    Entry { name: "json", carries_context: true, make: || Arc::new(postern_json::JsonAdapter) },
    Entry { name: "mrz", carries_context: false, make: || Arc::new(postern_mrz::MrzAdapter) },
];

/// The adapter of this name.
pub fn named(name: &str) -> Option<&'static Entry> {
    ADAPTERS.iter().find(|entry| entry.name == name)
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use postern_sdk::CONTRACT_VERSION;

    use super::*;

    // Proves that the registry's names are the adapters' own, unique and in order, and that each keeps this contract.
    #[test]
    fn names_agree() {
        assert!(ADAPTERS.is_sorted_by(|a, b| a.name < b.name));
        for entry in ADAPTERS {
            let description = (entry.make)().describe();
            assert_eq!(description.name, entry.name);
            assert_eq!(description.contract, CONTRACT_VERSION);
        }
    }
}
