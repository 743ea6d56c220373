//! What the copy is looked up by: an identifier in normal form together with its kind.
//!
//! The kind is part of what is looked up, so that an engine number never finds a firearm, while the country or type of a
//! document is not: all records of a number are found together and graded afterwards.

use std::fmt;

use postern_sdk::{DocumentNumber, Plate, QueryKey, Serial, VehicleKey, Vin};

/// The kinds of identifiers, with the byte that stands for each in the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The number of a travel or administrative document.
    Document = 1,
    /// A vehicle identification number.
    Vin = 2,
    /// A registration mark.
    Plate = 3,
    /// The serial number of an engine, or of another identifiable part.
    Part = 4,
    /// The serial number of a firearm.
    Firearm = 5,
    /// A vessel's IMO number, hull number, or the number of one of its engines.
    Vessel = 6,
}

/// Longest text of an identifier.
pub(super) const TEXT_MAX: usize = 32;

/// An identifier of one kind, held in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identifier {
    kind: Kind,
    length: u8,
    text: [u8; TEXT_MAX],
}

impl Identifier {
    fn new(kind: Kind, text: &str) -> Self {
        let mut identifier = Self { kind, length: text.len() as u8, text: [0; TEXT_MAX] };
        identifier.text[..text.len()].copy_from_slice(text.as_bytes());
        identifier
    }

    /// A document's number.
    pub fn document(number: &DocumentNumber) -> Self {
        Self::new(Kind::Document, number.reveal())
    }

    /// A vehicle identification number.
    pub fn vin(vin: &Vin) -> Self {
        Self::new(Kind::Vin, vin.reveal())
    }

    /// A registration mark.
    pub fn plate(plate: &Plate) -> Self {
        Self::new(Kind::Plate, plate.reveal())
    }

    /// A serial number of this kind: of a part, a firearm or a vessel.
    pub fn serial(kind: Kind, serial: &Serial) -> Self {
        Self::new(kind, serial.reveal())
    }

    /// What a query is looked up by; none if the copy is not looked up by such a key.
    pub fn of(key: &QueryKey) -> Option<Self> {
        match key {
            QueryKey::Document(document) => Some(Self::document(&document.number)),
            QueryKey::Vehicle(VehicleKey::Vin(vin)) => Some(Self::vin(vin)),
            QueryKey::Vehicle(VehicleKey::Plate { plate, .. }) => Some(Self::plate(plate)),
            QueryKey::Vehicle(VehicleKey::Engine(serial)) => Some(Self::serial(Kind::Part, serial)),
            QueryKey::Firearm(key) => Some(Self::serial(Kind::Firearm, &key.serial)),
            QueryKey::Vessel(key) => Some(Self::serial(Kind::Vessel, key.serial())),
            _ => None,
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) const fn length(&self) -> u8 {
        self.length
    }

    /// The text, filled up with zeros.
    pub(super) const fn padded(&self) -> &[u8; TEXT_MAX] {
        &self.text
    }

    /// The text. It is personal data.
    pub fn reveal(&self) -> &str {
        std::str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }
}

/// The kind alone: the text is personal data.
impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({:?})", self.kind)
    }
}
