//! Bytes as hexadecimal text in the manifest and its signature.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serializer};

/// The text of some bytes, in lower case.
pub(super) fn encode(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a text in lower case, if it has exactly the length that is expected.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// For `serde(with)`.
pub(super) fn serialize<S: Serializer, const N: usize>(
    bytes: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(bytes))
}

/// For `serde(with)`.
pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    decode(&text).ok_or_else(|| serde::de::Error::custom("not hexadecimal text of the expected length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves the round trip, and that any other text is refused.
    #[test]
    fn round_trip() {
        let bytes: [u8; 4] = [0, 0x1f, 0xa0, 0xff];
        assert_eq!(encode(&bytes), "001fa0ff");
        assert_eq!(decode("001fa0ff"), Some(bytes));
        for text in ["001fa0f", "001fa0ff0", "001FA0FF", "001fa0fg", "001fa0é"] {
            assert_eq!(decode::<4>(text), None, "{text}");
        }
    }
}
