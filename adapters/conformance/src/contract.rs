//! What an adapter says of itself.

use postern_sdk::{AdapterDescription, CONTRACT_VERSION};

/// What is wrong with a description.
pub(crate) fn failures(description: &AdapterDescription) -> Vec<String> {
    let name = &description.name;
    let fits = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let undocumented = description.options.iter().filter(|(_, text)| text.is_empty());
    let mut failures: Vec<String> =
        undocumented.map(|(option, _)| format!("the option {option} is not documented")).collect();
    if description.contract != CONTRACT_VERSION {
        failures.push(format!("the contract is {}, not {CONTRACT_VERSION}", description.contract));
    }
    if !fits(name) {
        failures.push(format!("the name {name:?} is not of [a-z0-9-]"));
    }
    if description.summary.is_empty() {
        failures.push("the summary is empty".to_owned());
    }
    failures
}
