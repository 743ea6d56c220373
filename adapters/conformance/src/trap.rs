//! Panics as values, without their text: it could quote the input.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a step of the adapter; a panic becomes the failure of that step.
pub(crate) fn quietly<T>(step: &str, run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let result = loudly(step, run);
    QUIET.set(false);
    result
}

/// As [`quietly`], but the panic's text and place are shown: for the synthetic data of cases.
pub(crate) fn loudly<T>(step: &str, run: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| format!("{step} panics"))
}
