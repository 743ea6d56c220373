//! Machine-readable zones: ICAO Doc 9303 TD1, TD2, TD3, MRV-A and MRV-B, and the national layouts that borders see.
//!
//! What makes a parser of zones useful at a border is not the happy path, which is a table of columns, but what it
//! does with everything else: a reader's framing noise, a number longer than its field, a check digit that disagrees, a
//! birth date of which only the year is known. The rule here is to keep every fact and decide nothing: each check
//! digit has a verdict of its own, each replaced character is reported, each number that might have been meant is
//! offered as a candidate, and the caller sees how far the number itself may be trusted. A document code's second
//! letter and an issuer are never a reason to refuse, since both lists grow.
//!
//! The parser is pure and has no clock: centuries are reckoned against a day that the caller brings. Everything is held
//! in fixed arrays; nothing allocates. One pass over a class table turns bytes into canonical characters, one constant
//! table gives each layout's columns, and the check digits are vectorised products of values and weights.
//!
//! ```
//! use postern_formats::mrz::{self, Confidence, Format};
//!
//! let zone = mrz::parse(
//!     b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\r\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\r\n",
//! )?;
//! assert_eq!(zone.format(), Format::Td3);
//! assert_eq!(zone.number().as_str(), "L898902C3");
//! assert_eq!(zone.names().primary(), "ERIKSSON");
//! assert!(zone.checks().none_disagrees());
//! # Ok::<(), mrz::MrzError>(())
//! ```

mod check;
mod correct;
mod date;
mod error;
mod fit;
mod format;
mod misread;
mod name;
mod number;
mod record;
mod scan;
mod subjects;

pub use check::{BlindSpots, Checks, Verdict, blind_spots, check_digit};
pub use correct::Correction;
pub use date::{DateState, MrzDate, ReferenceDay, Years};
pub use error::{MrzError, MrzErrorKind};
pub use format::Format;
pub use misread::{MISREADS_MAX, Misreads};
pub use name::Names;
pub use number::{Confidence, DocumentNumber, LongVariant, NUMBER_MAX};
pub use record::{Mrz, OptionalNumber, Sex};
pub use scan::INPUT_MAX;
pub use subjects::{person, travel_document};

/// Parses one zone as a reader sends it: up to [`INPUT_MAX`] bytes with framing, line breaks or none, in any case.
///
/// Accepted around and inside the text: control characters (they part lines), STX … ETX with a block check of one byte,
/// an AIM prefix, blanks for fillers, outer noise blanks, and lines that lost their trailing fillers as long as only
/// one layout fits.
///
/// # Errors
/// [`MrzErrorKind::Empty`], [`Length`](MrzErrorKind::Length), [`Character`](MrzErrorKind::Character) or
/// [`Layout`](MrzErrorKind::Layout), with the byte offset. A check digit that disagrees is no error: see [`Checks`].
pub fn parse(input: &[u8]) -> Result<Mrz, MrzError> {
    fit::fit(&scan::Scan::read(input)?)
}
