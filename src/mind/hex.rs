//! Bytes as hexadecimal text in the manifest, for `serde(with)`.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serializer};

use crate::keys::{hex, unhex};

pub(crate) fn serialize<S: Serializer, const N: usize>(
    bytes: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let bytes = unhex(&text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| serde::de::Error::custom("not hexadecimal text of the expected length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves the round trip, and that text of another length or of other characters is refused.
    #[test]
    fn round_trip() {
        let read = |text: &str| {
            deserialize::<_, 4>(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).ok()
        };
        let bytes: [u8; 4] = [0, 0x1f, 0xa0, 0xff];
        assert_eq!(serialize(&bytes, serde_json::value::Serializer).unwrap(), "001fa0ff");
        assert_eq!(read("001fa0ff"), Some(bytes));
        for text in ["001fa0f", "001fa0ff0", "001fa0ff00", "001fa0fg", "001fa0é"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
