//! The notices as the service writes them. Whatever else it writes is ignored.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::NOTICES_MAX;

/// Most entries of a list within a notice.
const LIST_MAX: usize = 256;

/// One value of a file: a notice, an array of them, or a page of a list.
pub(super) struct Part {
    pub(super) notices: Vec<Object<Notice>>,
}

/// A notice.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Notice {
    pub(super) entity_id: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) forename: Option<Text>,
    pub(super) birth_name: Option<Text>,
    pub(super) date_of_birth: Option<Text>,
    pub(super) sex_id: Option<Text>,
    pub(super) nationalities: Option<Texts>,
    pub(super) country_of_birth_id: Option<Text>,
    pub(super) place_of_birth: Option<Text>,
    pub(super) languages_spoken_ids: Option<Texts>,
    pub(super) height: Option<Text>,
    pub(super) weight: Option<Text>,
    pub(super) eyes_colors_id: Option<Texts>,
    pub(super) hairs_id: Option<Texts>,
    pub(super) distinguishing_marks: Option<Text>,
    pub(super) arrest_warrants: Option<Bounded<Object<Warrant>, LIST_MAX>>,
    pub(super) date_of_event: Option<Text>,
    pub(super) place: Option<Text>,
    pub(super) country: Option<Text>,
    pub(super) father_forename: Option<Text>,
    pub(super) father_name: Option<Text>,
    pub(super) mother_forename: Option<Text>,
    pub(super) mother_name: Option<Text>,
    pub(super) un_reference: Option<Text>,
    pub(super) un_resolution: Option<Text>,
    #[serde(rename = "_links")]
    pub(super) links: Option<Object<Links>>,
}

/// What a page embeds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Embedded {
    notices: Option<Bounded<Object<Notice>, NOTICES_MAX>>,
}

/// A warrant of arrest.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Warrant {
    pub(super) issuing_country_id: Option<Text>,
    pub(super) charge: Option<Text>,
    pub(super) charge_translation: Option<Text>,
}

/// Where the notice stands.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Links {
    #[serde(rename = "self")]
    pub(super) own: Option<Object<Link>>,
}

/// A link.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Link {
    pub(super) href: Option<Text>,
}

/// Something that must be an object; what derives its reading would take its fields from an array too.
pub(super) struct Object<T>(pub(super) T);

/// A text, or a number as the file writes it.
pub(super) struct Text(pub(super) String);

/// A list of texts.
pub(super) type Texts = Bounded<Text, LIST_MAX>;

/// A list of at most so many.
pub(super) struct Bounded<T, const MAX: usize>(pub(super) Vec<T>);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a notice, an array of notices or a page")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Part, A::Error> {
        let notices = BoundedVisitor::<Object<Notice>, NOTICES_MAX>(PhantomData).visit_seq(list)?.0;
        Ok(Part { notices })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part, A::Error> {
        let mut page = None;
        let notice = Notice::deserialize(MapAccessDeserializer::new(Outer { map, page: &mut page }))?;
        Ok(Part { notices: page.map_or_else(|| vec![Object(notice)], |page| page.0) })
    }
}

/// A notice's or a page's object, of which what is embedded is taken out: only the outermost object can be a page.
struct Outer<'a, A> {
    map: A,
    page: &'a mut Option<Bounded<Object<Notice>, NOTICES_MAX>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Outer<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<Cow<'de, str>>()? {
            if key != "_embedded" {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            *self.page =
                self.map.next_value::<Option<Object<Embedded>>>()?.and_then(|embedded| embedded.0.notices);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BoundedVisitor(PhantomData))
    }
}

struct BoundedVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for BoundedVisitor<T, MAX> {
    type Value = Bounded<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list that is not too long")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            if entries.len() == MAX {
                return Err(A::Error::custom("too long"));
            }
            entries.push(entry);
        }
        Ok(Bounded(entries))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
}
