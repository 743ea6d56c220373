//! Whom the copy believes, and which state it still takes.
//!
//! The rules are those of The Update Framework (TUF) on metadata of our own. A *root* says which keys may sign what, and
//! how many of them must: the `root` role signs the next root, the `copy` role the manifests of states. The first root is
//! pinned at the site; from there a [`Chain`] is walked, each root signed by the one before it and by itself. [`Highest`]
//! remembers what was accepted, so that [`admit()`] can refuse what goes back, leaps ahead, mixes or is out of date. Every
//! refusal has a name, [`Refusal`].
//!
//! Nothing here opens a state, has a clock or keeps anything between calls but the one file `highest.json`: who serves the copy gives
//! the time and decides what a refusal does to what is served. The rules and files, rotation and recovery are described
//! for operators in `docs/trust.md`.
//!
//! What is not protected: who can write to the folder of the copy can delete `highest.json`, and the site then starts
//! anew with any state that is signed and has not expired. Deny that user the folder.

mod admit;
mod chain;
mod highest;
mod measure;
mod refusal;
mod root;
mod signatures;

pub use admit::{CLOCK_SKEW, Claims, VERSION_JUMP_MAX, VERSION_MAX, admit, follows};
pub use chain::{Chain, ROOT_STEPS_MAX, Walk, root_path};
pub use highest::{Accepted, Followed, HIGHEST, Highest};
pub use measure::{Measure, check_file, read_at_most};
pub use refusal::Refusal;
pub use root::{
    FORMAT, KEYS_MAX, KeyId, ROOT_BYTES_MAX, ROOT_LABEL, Role, RoleKeys, Roles, Root, SIGNATURES_BYTES_MAX,
    sign,
};

#[cfg(test)]
mod tests;
