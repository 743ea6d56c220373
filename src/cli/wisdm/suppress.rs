//! The suppression of a withdrawn record in a copy.

use postern_sdk::Database;

use super::super::Exit;
use super::super::mind::Place;
use super::WisdmWithdraw;
use super::session::{Failure, Session};
use crate::keys::PrivateKey;
use crate::mind::{Copy, Dataset, Identifier, Withdrawal};
use crate::wisdm::Held;

/// A copy and the country's key, with which a record is suppressed there.
pub(super) struct Suppression {
    copy: Copy,
    folder: std::path::PathBuf,
    key: PrivateKey,
}

impl Suppression {
    /// Opens what the suppression needs, if one is wanted.
    pub(super) fn open(args: &WisdmWithdraw) -> Result<Option<Self>, Failure> {
        let (true, Some(key), Some(folder), Some(root)) =
            (args.suppress, &args.key, &args.folder, &args.root)
        else {
            return Ok(None);
        };
        let key = PrivateKey::read(key).map_err(|error| Failure::usage("key", error))?;
        let place = Place { folder: folder.clone(), root: root.clone(), site_key: args.site_key.clone() };
        let copy = place.open(Dataset::Documents, None).map_err(|error| Failure::usage("copy", error))?;
        Ok(Some(Self { copy, folder: folder.clone(), key }))
    }

    /// Suppresses a record. False if the copy does not hold it.
    pub(super) fn of(&self, session: &Session, held: &Held) -> Result<bool, Failure> {
        let administrative =
            held.doc_type.is_some_and(|code| session.wisdm.section().is_administrative(&code));
        let database = if administrative { Database::Sad } else { Database::Sltd };
        let failed = |text: String| {
            let text = format!(
                "withdrawn at INTERPOL, but not suppressed in the copy: {text}; use postern mind withdraw"
            );
            Failure::Other(Exit::Found, "not_suppressed", text)
        };
        let number = held.number.as_ref().ok_or_else(|| failed("the record has no number".to_owned()))?;
        let withdrawal =
            Withdrawal { database, identifier: Identifier::document(number), record_id: held.id.clone() };
        let withdrew = self.copy.withdraw(&self.folder, &[withdrawal], &self.key);
        Ok(withdrew.map_err(|error| failed(error.to_string()))?.unknown == 0)
    }
}
