//! Whether a text quotes a frame.

use std::collections::BTreeSet;

use postern_sdk::{AdapterDescription, Fault, Stamp};

/// The shortest run of letters and digits that counts as a quotation: the shortest document number.
const RUN_MIN: usize = 5;

/// The words that a text may hold because the format has them, not because the frame does.
pub(crate) struct Vocabulary(BTreeSet<String>);

impl Vocabulary {
    /// The words of the sdk's schemas and of the adapter's description.
    pub(crate) fn of(description: &AdapterDescription) -> Self {
        let mut words = BTreeSet::new();
        for (_, schema) in postern_sdk::schemas() {
            collect(&schema.as_value().to_string(), &mut words);
        }
        let options = description.options.iter().map(|(name, text)| format!("{name} {text}"));
        for text in options.chain([description.name.to_string(), description.summary.to_string()]) {
            collect(&text, &mut words);
        }
        Self(words)
    }

    /// Adds the words that an adapter says of itself.
    pub(crate) fn learn(&mut self, text: &[u8]) {
        collect(&String::from_utf8_lossy(text), &mut self.0);
    }

    /// Whether `text`, said of `fault`, quotes the frame. What the fault keeps to be echoed, and the stamp, are no quotation.
    pub(crate) fn quotes(&self, text: &[u8], frame: &[u8], fault: &Fault, stamp: &Stamp) -> bool {
        let mut echoed = BTreeSet::new();
        let native = fault.native.values().map(|value| value.reveal().as_str());
        for echo in native.chain(fault.sender_id.as_deref()) {
            collect(echo, &mut echoed);
        }
        collect(&format!("{} {} {}", stamp.reference, stamp.at, fault.code), &mut echoed);
        collect(&fault.offset.unwrap_or(0).to_string(), &mut echoed);
        let frame = frame.to_ascii_uppercase();
        let text = String::from_utf8_lossy(text);
        words(&text)
            .filter(|word| !self.0.contains(word) && !echoed.contains(word))
            .any(|word| word.as_bytes().windows(RUN_MIN).any(|run| contains(&frame, run)))
    }
}

fn contains(frame: &[u8], run: &[u8]) -> bool {
    frame.windows(run.len()).any(|window| window == run)
}

fn collect(text: &str, words_seen: &mut BTreeSet<String>) {
    words_seen.extend(words(text));
}

/// The runs of letters and digits that are long enough, in upper case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() >= RUN_MIN)
        .map(str::to_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use postern_sdk::FaultCode;

    use super::*;
    use crate::toy::ToyAdapter;

    // Proves that a quoted number is found in any case, and that echoes and the format's words are none.
    #[test]
    fn finds_quotations() {
        let vocabulary = Vocabulary::of(&postern_sdk::Adapter::describe(&ToyAdapter));
        let stamp = crate::stamp();
        let fault = Fault::new(FaultCode::EMPTY).of(Some("REQUEST-77".into()));
        let quotes =
            |text: &str| vocabulary.quotes(text.as_bytes(), b"REQUEST-77 L898902C3 number", &fault, &stamp);
        assert!(quotes("refused: l898902c3"));
        assert!(quotes("refused: 8902C"));
        assert!(!quotes("refused: 890"));
        assert!(!quotes("REQUEST-77 refused, see number"));
    }
}
