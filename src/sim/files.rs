//! The files of records: notices and images that are well-formed and show nothing.

use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_STANDARD, Engine};

use crate::find::profile::Step;

/// Bytes of an image, so that its fetching takes a while as a real one does.
const IMAGE_BYTES: usize = 200_000;

/// Where the notice of a record is.
pub(super) fn notice_path(record: &str) -> String {
    format!("/notices/{record}.pdf")
}

/// Where the image of a record is.
pub(super) fn image_path(record: &str) -> String {
    format!("/images/{record}.jpg")
}

/// Whether a path is of a record.
pub(super) fn is_of(path: &str, record: &str) -> bool {
    path == notice_path(record) || path == image_path(record)
}

/// A file in Base64, and its media type.
pub(super) fn file(step: Step, record: &str) -> (String, &'static str) {
    match step {
        Step::Notice => (BASE64_STANDARD.encode(pdf(record)), "application/pdf"),
        _ => (BASE64_STANDARD.encode(jpeg(record)), "image/jpeg"),
    }
}

/// The smallest PDF that names the record.
fn pdf(record: &str) -> String {
    format!(
        "%PDF-1.4\n% synthetic notice of {record}\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
         2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    )
}

/// The marks of a JPEG around bytes that follow from the record's id.
fn jpeg(record: &str) -> Vec<u8> {
    let mut image = vec![0xff, 0xd8, 0xff, 0xfe];
    let mut block = digest(&SHA256, record.as_bytes());
    while image.len() < IMAGE_BYTES {
        image.extend_from_slice(block.as_ref());
        block = digest(&SHA256, block.as_ref());
    }
    image.extend_from_slice(&[0xff, 0xd9]);
    image
}
