//! Synthetic vehicles, firearms, vessels and works of art.

use jiff::civil::Date;
use postern_sdk::{Database, PartialDate, State};

use super::nominals::word;
use super::seed::Seed;
use crate::find::profile::RequestValue;

const MAKES: &[&str] = &["ALTA", "BORVIK", "CENTRO", "DUNAR", "ESTEL"];
const MODELS: &[&str] = &["K1", "K2", "SOLO", "DUO", "TRIO"];
const CALIBRES: &[&str] = &["9 MM", "7.62 MM", "12 GAUGE"];
const CATEGORIES: &[&str] = &["PAINTING", "SCULPTURE", "ICON"];
const COUNTRIES: &[State] = &[State::GERMANY];
/// The letters and digits of which vehicle identification numbers are made.
const VIN_CHARS: &[u8] = b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ";

/// A thing on record.
#[derive(Clone, Debug)]
pub struct Thing {
    /// Of which database.
    pub database: Database,
    /// By what it is found: numbers in their normal form, and what describes it.
    pub values: Vec<(RequestValue, String)>,
    /// The country of registration.
    pub country: Option<State>,
    /// The code of theft.
    pub theft_type: &'static str,
    /// The date of theft.
    pub theft_date: PartialDate,
    /// The record's id.
    pub record: String,
}

impl Thing {
    /// What the record says of this.
    pub fn value(&self, value: RequestValue) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == value).map(|(_, text)| text.as_str())
    }
}

/// Things of a seed, as many of each database.
pub(super) fn generate(seed: u64, count: usize) -> Vec<Thing> {
    let mut seed = Seed::new(seed ^ 0x0054_4849_4e47_5321);
    let mut things = Vec::with_capacity(4 * count);
    for number in 0..count {
        things.push(vehicle(&mut seed, number));
        things.push(firearm(&mut seed, number));
        things.push(vessel(&mut seed, number));
        things.push(work_of_art(&mut seed, number));
    }
    things
}

fn thing(seed: &mut Seed, database: Database, record: String, values: Vec<(RequestValue, String)>) -> Thing {
    let part = |seed: &mut Seed, below: u64| i8::try_from(seed.below(below)).unwrap_or(0) + 1;
    let year = 2015 + i16::from(part(seed, 10));
    let date = Date::constant(year, part(seed, 12), part(seed, 28));
    Thing {
        database,
        values,
        country: Some(seed.pick(COUNTRIES)),
        theft_type: "STL",
        theft_date: PartialDate::full(date),
        record,
    }
}

fn vehicle(seed: &mut Seed, number: usize) -> Thing {
    let vin: String = (0..17).map(|_| char::from(seed.pick(VIN_CHARS))).collect();
    let values = vec![
        (RequestValue::Vin, vin),
        (RequestValue::Plate, format!("SI{number:05}")),
        (RequestValue::Engine, format!("EN{number:06}")),
        (RequestValue::Make, seed.pick(MAKES).to_owned()),
        (RequestValue::Model, seed.pick(MODELS).to_owned()),
    ];
    thing(seed, Database::Smv, format!("V-{number:06}"), values)
}

fn firearm(seed: &mut Seed, number: usize) -> Thing {
    let values = vec![
        (RequestValue::Serial, format!("FA{number:06}")),
        (RequestValue::Make, seed.pick(MAKES).to_owned()),
        (RequestValue::Model, seed.pick(MODELS).to_owned()),
        (RequestValue::Calibre, seed.pick(CALIBRES).to_owned()),
    ];
    thing(seed, Database::Firearms, format!("F-{number:06}"), values)
}

fn vessel(seed: &mut Seed, number: usize) -> Thing {
    let values = vec![
        (RequestValue::Imo, imo(u32::try_from(number).unwrap_or(0) % 900_000 + 100_000)),
        (RequestValue::Hull, format!("HULL{number:06}")),
        (RequestValue::Engine, format!("SE{number:06}")),
        (RequestValue::Make, seed.pick(MAKES).to_owned()),
    ];
    thing(seed, Database::Vessels, format!("S-{number:06}"), values)
}

/// The IMO ship number of six digits: its check digit is the last one of their sum, weighted by 7 to 2.
fn imo(digits: u32) -> String {
    let text = digits.to_string();
    let sum: u32 =
        text.bytes().zip((2..=7).rev()).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
    format!("{text}{}", sum % 10)
}

fn work_of_art(seed: &mut Seed, number: usize) -> Thing {
    let values = vec![
        (RequestValue::Title, format!("{} {}", word(seed, 3), word(seed, 2))),
        (RequestValue::Artist, word(seed, 3)),
        (RequestValue::Category, seed.pick(CATEGORIES).to_owned()),
    ];
    thing(seed, Database::WorksOfArt, format!("A-{number:06}"), values)
}

#[cfg(test)]
mod tests {
    use postern_sdk::{Plate, Serial, Vin};

    use super::*;

    // Proves that what is generated is the same for a seed, and that every number is in the normal form that is asked.
    #[test]
    fn numbers_are_normal() {
        let things = generate(1, 50);
        assert_eq!(format!("{things:?}"), format!("{:?}", generate(1, 50)));
        let normal = |value: RequestValue, text: &str| match value {
            RequestValue::Vin => Vin::normalise(text).unwrap().reveal().to_owned(),
            RequestValue::Plate => Plate::normalise(text).unwrap().reveal().to_owned(),
            RequestValue::Imo => {
                let serial = Serial::normalise(text).unwrap();
                assert!(serial.is_imo_number(), "{text}");
                serial.reveal().to_owned()
            }
            RequestValue::Engine | RequestValue::Serial | RequestValue::Hull => {
                Serial::normalise(text).unwrap().reveal().to_owned()
            }
            _ => text.to_owned(),
        };
        for (value, text) in things.iter().flat_map(|thing| &thing.values) {
            assert_eq!(normal(*value, text), *text);
        }
    }
}
