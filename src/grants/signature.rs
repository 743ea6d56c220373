//! The signature as the document's last line.

use postern_sdk::Environment;

use super::{Document, GrantsError};
use crate::keys::{PrivateKey, PublicKey, hex, unhex};

/// For what the bureau's key signs here.
const LABEL: &str = "postern grants 1";

/// How the last line begins.
const LINE: &str = "# signature ed25519 ";

/// Signs a document: the text with its signature as the last line. A signature that it had is replaced.
///
/// # Errors
/// [`GrantsError::Form`] if the text is not a document of grants: nothing that would be refused is signed. The
/// environment of what was signed is given back, to be shown to who signs.
pub fn sign(text: &str, key: &PrivateKey) -> Result<(String, Environment), GrantsError> {
    let mut text = split(text).map_or(text, |(text, _)| text).to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let environment = Document::parse(&text)?.environment;
    let signature = key.sign(LABEL, text.as_bytes());
    text.push_str(&format!("{LINE}{} {}\n", key.public().id(), hex(&signature)));
    Ok((text, environment))
}

/// The text that the signature is over, once it is verified.
pub(super) fn verified<'a>(signed: &'a str, key: &PublicKey) -> Result<&'a str, GrantsError> {
    let (text, line) = split(signed).ok_or(GrantsError::Unsigned)?;
    let (named, digits) = line.trim_end().split_once(' ').ok_or(GrantsError::Unsigned)?;
    let signature = unhex(digits).ok_or(GrantsError::Unsigned)?;
    if key.verifies(LABEL, text.as_bytes(), &signature) {
        return Ok(text);
    }
    let named = named.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    Err(GrantsError::Signature { expected: key.id(), named })
}

/// The text before the last line, and what that line says after its beginning.
fn split(signed: &str) -> Option<(&str, &str)> {
    let end = signed.trim_end_matches(['\r', '\n']).len();
    let start = signed[..end].rfind('\n').map_or(0, |newline| newline + 1);
    let line = signed[start..end].strip_prefix(LINE)?;
    Some((&signed[..start], line))
}
