//! The hub: a postern that has the link publishes the copy to sites that have none.
//!
//! It serves the copy's folder over mutual TLS: roots, states, withdrawals, and of each key file the part of the site
//! that asks. What it serves is sealed and signed before it gets here; the hub could hold something back, and the sites
//! would notice by the age, but it can change nothing.
//!
//! What must hold:
//!
//! * **Who is not enrolled, or is revoked, is served nothing.** A certificate of the authority is not enough: the site's
//!   file in `sites` decides, and is read at each request and again while a large file is on its way.
//! * **A site learns of no other.** Of a key file it gets what is wrapped to its own key.
//! * **No path comes from a request.** Datasets, versions and names of files are values that are looked up.

mod enrolment;
mod listen;
mod offer;
mod plan;
mod respond;
mod site;
mod stall;

pub use enrolment::{EnrolError, Locked, Sites, current_generations};
pub use listen::Hub;
pub use offer::{
    OFFER_BYTES_MAX, OFFER_FORMAT, Offer, OfferedDelta, OfferedState, OfferedWithdrawals, STATES_MAX,
};
pub use plan::{Part, Plan, plan};
pub use site::{Key, Revoked, Site, Status, is_site_name};

pub(in crate::mind) use offer::{roots, withdrawn};
