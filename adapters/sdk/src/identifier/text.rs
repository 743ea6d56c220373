//! Short ASCII text held in place, the body of every identifier.

use std::fmt;

use super::IdentifierError;

/// Up to `N` bytes of upper-case ASCII letters and digits, held in place so that a lookup allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Text<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Text<N> {
    /// Keeps letters and digits in upper case, strips ASCII punctuation and blanks, refuses everything else.
    pub(super) fn clean(raw: &str, min: usize) -> Result<Self, IdentifierError> {
        Self::collect(raw, min, |c| match c {
            'A'..='Z' | '0'..='9' => Keep::Byte(c as u8),
            'a'..='z' => Keep::Byte(c.to_ascii_uppercase() as u8),
            ' ' => Keep::Nothing,
            c if c.is_ascii_punctuation() => Keep::Nothing,
            _ => Keep::Refused,
        })
    }

    /// Builds from what `keep` says of each character.
    pub(super) fn collect(
        raw: &str,
        min: usize,
        mut keep: impl FnMut(char) -> Keep,
    ) -> Result<Self, IdentifierError> {
        let mut text = Self { bytes: [0; N], len: 0 };
        for (offset, c) in raw.char_indices() {
            match keep(c) {
                Keep::Byte(byte) => text.push(byte)?,
                Keep::Nothing => {}
                Keep::Refused => return Err(IdentifierError::Character { offset }),
            }
        }
        match usize::from(text.len) {
            0 => Err(IdentifierError::Empty),
            len if len < min => Err(IdentifierError::TooShort),
            _ => Ok(text),
        }
    }

    fn push(&mut self, byte: u8) -> Result<(), IdentifierError> {
        let slot = self.bytes.get_mut(usize::from(self.len)).ok_or(IdentifierError::TooLong)?;
        *slot = byte;
        self.len += 1;
        Ok(())
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

/// What to do with a character.
pub(super) enum Keep {
    /// Keep this byte for it.
    Byte(u8),
    /// Leave it out.
    Nothing,
    /// Refuse the text.
    Refused,
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::personal::MASK)
    }
}

/// Gives an identifier type over [`Text`] its string view, masked form, serde and schema.
macro_rules! identifier {
    ($name:ident, $schema:literal, $pattern:literal) => {
        impl $name {
            /// The normal form. It is personal data: keep it out of logs, metrics and errors.
            pub fn reveal(&self) -> &str {
                self.0.as_str()
            }

            /// What a screen may show: the last two characters, the rest as dots.
            pub fn masked(&self) -> String {
                crate::personal::masked(self.reveal())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::identifier::IdentifierError;

            fn from_str(raw: &str) -> Result<Self, Self::Err> {
                Self::normalise(raw)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.reveal())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::normalise(&raw).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $schema, "pattern": $pattern })
            }
        }
    };
}
pub(super) use identifier;
