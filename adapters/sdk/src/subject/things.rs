//! Vehicles, firearms, vessels and works of art as subjects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Plate, Serial, State, Vin};

/// A vehicle or one of its parts. Each identifier that is given is asked by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Vehicle {
    /// The vehicle identification number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vin: Option<Vin>,
    /// The registration mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plate: Option<Plate>,
    /// The country of registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<State>,
    /// The engine number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Serial>,
}

/// A firearm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Firearm {
    /// The serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// The make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The calibre.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibre: Option<String>,
}

/// A vessel or one of its engines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Vessel {
    /// The IMO ship number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imo: Option<Serial>,
    /// The hull identification number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hull: Option<Serial>,
    /// The engine number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Serial>,
}

/// A work of art.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkOfArt {
    /// The title, or what it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// What it is: painting, sculpture, icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}
