//! Writing envelopes: used by the client for requests and by the simulator for answers.

use postern_formats::xml::escape_into;

/// A value holds a character that XML can't carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unwritable;

/// Writes elements into a text.
pub(crate) struct Writer {
    out: String,
    writable: bool,
}

impl Writer {
    /// A document with its declaration.
    pub(crate) fn document() -> Self {
        Self::fragment("<?xml version=\"1.0\" encoding=\"utf-8\"?>")
    }

    /// A writer that goes on after `begin`.
    pub(crate) fn fragment(begin: &str) -> Self {
        let mut out = String::with_capacity(2048);
        out.push_str(begin);
        Self { out, writable: true }
    }

    /// An element's beginning.
    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            self.text(value);
            self.out.push('"');
        }
        self.out.push('>');
    }

    /// An element's end.
    pub(crate) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// An element of text.
    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        self.text(text);
        self.close(name);
    }

    /// Text.
    pub(crate) fn text(&mut self, text: &str) {
        self.writable &= escape_into(text, &mut self.out).is_ok();
    }

    /// Markup that is already well-formed.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// An element with values at their places below it: child elements by dots, `@` for an attribute. What has a parent in
    /// common stands together in it.
    pub(crate) fn places(&mut self, name: &str, namespace: Option<&str>, placed: &[(&str, String)]) {
        let mut attributes: Vec<(&str, &str)> = namespace.iter().map(|value| ("xmlns", *value)).collect();
        attributes.extend(
            placed.iter().filter_map(|(place, text)| Some((place.strip_prefix('@')?, text.as_str()))),
        );
        self.open(name, &attributes);
        let head = |place: &str| place.split('.').next().unwrap_or_default().to_owned();
        let mut written = Vec::new();
        for (place, text) in placed.iter().filter(|(place, _)| !place.starts_with('@')) {
            let parent = head(place);
            if !place.contains('.') {
                self.leaf(place, text);
            } else if !written.contains(&parent) {
                let below: Vec<(&str, String)> = placed
                    .iter()
                    .filter_map(|(place, text)| {
                        let rest = place.strip_prefix(parent.as_str())?.strip_prefix('.')?;
                        Some((rest, text.clone()))
                    })
                    .collect();
                self.places(&parent, None, &below);
                written.push(parent);
            }
        }
        self.close(name);
    }

    /// What was written.
    pub(crate) fn finish(self) -> Result<String, Unwritable> {
        if self.writable { Ok(self.out) } else { Err(Unwritable) }
    }
}
