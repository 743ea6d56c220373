//! How a newer state is reached: by the chain of deltas from what is there if that is possible and smaller, else from a
//! base.

use std::collections::BTreeMap;

use super::offer::{OfferedState, STATES_MAX};

/// A part of a state that is to be fetched: its base or its delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The state's number.
    pub version: u64,
    /// Whether its base is fetched; else its delta.
    pub base: bool,
}

/// The parts that lead to the newest state, in the order in which they are taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The parts, the oldest first; none if the newest state is there.
    pub parts: Vec<Part>,
    /// Their size in bytes.
    pub bytes: u64,
}

/// How the newest of these states is reached from one that is there, if one is. None if it can't be reached, or if there
/// is no state.
pub fn plan(states: &[OfferedState], here: Option<u64>) -> Option<Plan> {
    let by_version: BTreeMap<u64, &OfferedState> =
        states.iter().map(|state| (state.version, state)).collect();
    let (_, mut at) = by_version.last_key_value()?;
    if here.is_some_and(|here| here >= at.version) {
        return Some(Plan { parts: Vec::new(), bytes: 0 });
    }
    let (mut deltas, mut bytes) = (Vec::new(), 0_u64);
    let mut best: Option<Plan> = None;
    for _ in 0..STATES_MAX {
        if let Some(base) = at.base_bytes {
            better(
                &mut best,
                Some(Part { version: at.version, base: true }),
                &deltas,
                bytes.saturating_add(base),
            );
        }
        let Some(delta) = at.delta.filter(|delta| delta.from < at.version) else { break };
        deltas.push(Part { version: at.version, base: false });
        bytes = bytes.saturating_add(delta.bytes);
        if here == Some(delta.from) {
            better(&mut best, None, &deltas, bytes);
            break;
        }
        match by_version.get(&delta.from) {
            Some(before) => at = before,
            None => break,
        }
    }
    best
}

fn better(best: &mut Option<Plan>, base: Option<Part>, deltas: &[Part], bytes: u64) {
    if best.as_ref().is_none_or(|best| bytes < best.bytes) {
        let parts = base.into_iter().chain(deltas.iter().rev().copied()).collect();
        *best = Some(Plan { parts, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::super::offer::OfferedDelta;
    use super::*;

    fn state(version: u64, base_bytes: Option<u64>, delta: Option<(u64, u64)>) -> OfferedState {
        let delta = delta.map(|(from, bytes)| OfferedDelta { from, bytes });
        OfferedState { version, generation: "00112233445566ff".to_owned(), base_bytes, delta }
    }

    fn told(states: &[OfferedState], here: Option<u64>) -> Option<(u64, String)> {
        let plan = plan(states, here)?;
        let part = |part: &Part| format!("{}{}", if part.base { "b" } else { "d" }, part.version);
        Some((plan.bytes, plan.parts.iter().map(part).collect::<Vec<_>>().join(" ")))
    }

    // Proves that the cheapest way is taken: deltas from what is there, or a base with the deltas after it; and that
    // nothing is fetched where the newest state, or a newer one, is there.
    #[test]
    fn the_cheapest_way() {
        let states = [
            state(5, None, Some((4, 30))),
            state(4, Some(70), Some((3, 20))),
            state(3, None, Some((2, 10))),
            state(2, Some(60), None),
        ];
        assert_eq!(told(&states, Some(4)), Some((30, "d5".into())));
        assert_eq!(told(&states, Some(2)), Some((60, "d3 d4 d5".into())));
        assert_eq!(told(&states, Some(1)), Some((100, "b4 d5".into())));
        assert_eq!(told(&states, None), Some((100, "b4 d5".into())));
        assert_eq!(told(&states, Some(5)), Some((0, String::new())));
        assert_eq!(told(&states, Some(6)), Some((0, String::new())));
        let cheap_base = [state(3, Some(5), Some((2, 10))), state(2, Some(60), None)];
        assert_eq!(told(&cheap_base, Some(2)), Some((5, "b3".into())));
    }

    // Proves that what is offered need not make sense: no state, a way that begins nowhere, a delta that leads forward.
    #[test]
    fn no_way() {
        assert_eq!(told(&[], None), None);
        assert_eq!(told(&[state(5, None, Some((4, 1)))], None), None);
        assert_eq!(told(&[state(5, None, Some((5, 1)))], Some(4)), None);
        assert_eq!(told(&[state(5, None, Some((4, 1)))], Some(4)), Some((1, "d5".into())));
    }
}
