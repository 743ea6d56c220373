//! Persons by names like theirs.
//!
//! A name is written by many hands: in another script, in another order, with a letter wrong, cut by the width of a
//! machine-readable zone, with an initial for a given name, under an alias. So it is compared word by word:
//!
//! 1. Both names are [folded](fold) to words in Latin capitals, and these brought to a common [spelling].
//! 2. The [vocabulary] gives the listed words that are [like](likeness) each asked one.
//! 3. Names on which two words agree are [aligned](align), whatever the order of their words; names of one word need one.
//! 4. Birth date, nationality and sex raise or lower the [score], and the score comes with its explanation.
//!
//! What this does not do: translate names (`George` and `Jorge` are one edit too many apart), or restore vowels and Hebrew
//! letters that transliteration loses. A list's silence about a name is therefore weaker than its silence about a number,
//! which is why a match of names is a possible hit at most.
//!
//! Everything is bounded: words of a name, words that begin alike, names looked at, matches told. Where a bound cuts what
//! might have been found, [`Found::incomplete`] says so.

mod align;
mod asked;
mod file;
mod fold;
mod hit;
mod index;
mod likeness;
mod person;
mod score;
mod spelling;
mod table;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use file::{PERSONS_FILE, PersonsError, open, read, seal, write};
pub use hit::hit;
pub use index::{Found, Match, NAMES_MAX, NameIndex, PERSONS_MAX, TooMany};
pub use person::Person;
pub use score::TOLD_PERMILLE;
