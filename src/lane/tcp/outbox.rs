//! Replies on their way out, and whose they are.

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::lane::Receipt;

/// Framed replies in order, written together, and the receipts that are due when the bytes before them are out.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// What is not written yet. Whoever takes bytes from it tells [`wrote`](Self::wrote).
    pub(super) bytes: BytesMut,
    written: u64,
    receipts: VecDeque<(u64, Receipt)>,
}

impl Outbox {
    /// How many bytes have been queued since the connection began.
    pub(super) fn queued(&self) -> u64 {
        self.written + self.bytes.len() as u64
    }

    /// How many bytes have been written since the connection began.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Takes note that bytes were taken from [`bytes`](Self::bytes) and written.
    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// Everything queued so far belongs to this receipt or an earlier one.
    pub(super) fn owe(&mut self, receipt: Receipt) {
        self.receipts.push_back((self.queued(), receipt));
    }

    /// The next receipt whose bytes are all written.
    pub(super) fn settled(&mut self) -> Option<Receipt> {
        let (end, _) = self.receipts.front()?;
        if *end > self.written {
            return None;
        }
        self.receipts.pop_front().map(|(_, receipt)| receipt)
    }

    /// Drops what is not written; the receipts whose bytes are lost by it.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = Receipt> {
        self.bytes.clear();
        self.receipts.drain(..).map(|(_, receipt)| receipt)
    }
}
