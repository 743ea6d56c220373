//! The vocabulary of Postern and the contract that an adapter keeps.
//!
//! Everything that one part of Postern says to another about a traveller, a document or an answer is said in the words
//! of this crate, and only here are they defined: the daemon, every adapter, the journal and the wire schemas in
//! `schemas/` share them. What is hard to change later lives here, so it is written to be read by an integrator first.
//!
//! The trip of one message, in these words: an [`Adapter`] decodes bytes into [`Inbound`]s; an [`Inbound::Query`] holds
//! an [`Exchange`], that is a [`Context`] (who asks, where and why) and [`Subject`]s (what is asked about). Screening
//! turns each subject into [`Query`]s, sources give [`Answer`]s to them, and the answers of one subject are concluded
//! into an [`Outcome`]. An outcome is stripped to what the client may see, a [`Told`], and the adapter encodes that.
//!
//! Three rules are kept by type rather than by care:
//!
//! * **What was not asked is never called clear.** [`Verdict::NoRecord`] can't be set: it follows in
//!   [`Outcome::conclude`] from the conclusions of every database, and one that was not checked forbids it.
//! * **Personal data is not printed.** [`Personal`] and the identifier types have no `Display`, and their `Debug` is
//!   masked, so that a log line or an error text can't hold them by accident.
//! * **A client learns what its view allows.** An adapter is never given an [`Outcome`], only a [`Told`].
//!
//! Times are UTC, RFC 3339 on every wire. Open lists (reasons, databases, record kinds) accept values that this version
//! does not know, so that old readers survive new writers.

mod adapter;
mod answer;
mod assembly;
mod context;
mod database;
mod exchange;
mod fault;
mod hit;
pub mod identifier;
mod outcome;
mod personal;
mod query;
mod reason;
mod schema;
mod subject;
mod told;

pub use adapter::{
    Adapter, AdapterDescription, CONTRACT_VERSION, Control, Inbound, LinkOptions, Message, Part, Reply, Stamp,
};
pub use answer::{Answer, Finding, Source};
pub use assembly::{Assembled, Assembler, AssemblyLimits};
pub use context::{Context, ContextField, Direction, Environment};
pub use database::Database;
pub use exchange::{Exchange, Reference};
pub use fault::{Fault, FaultCode};
pub use hit::{Details, Hit, MatchClass, Remark, Score};
pub use identifier::{
    DocumentFamily, DocumentNumber, DocumentType, IdentifierError, Plate, Serial, State, TypeRelation, Vin,
};
pub use outcome::{Conclusion, Contradiction, Outcome, Unchecked, Verdict};
pub use personal::Personal;
pub use query::{
    Basis, DocumentKey, FirearmKey, PersonKey, Query, QueryKey, VehicleKey, VesselKey, WorkOfArtKey,
};
pub use reason::Reason;
pub use schema::schemas;
pub use subject::{
    AdministrativeDocument, Alternative, AlternativeBasis, Firearm, Name, PartialDate, Person, Reliability,
    Sex, Subject, SubjectKind, TravelDocument, Vehicle, Vessel, WorkOfArt,
};
pub use told::{Gate, Told, ToldDatabase, View};
