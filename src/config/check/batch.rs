//! Batches: whether one can be handed over, and everything has a limit.

use super::Checker;

/// The longest row in bytes: a record of the journal must hold it with all that is answered.
const ROW_BYTES_MAX: usize = 1 << 20;

impl Checker<'_> {
    pub(super) fn batch(&mut self) {
        let Some(batch) = &self.file.batch else { return };
        let limits = [
            ("rate_per_s_max", u64::from(batch.rate_per_s_max)),
            ("concurrency_max", batch.concurrency_max as u64),
            ("row_timeout_ms", batch.row_timeout_ms),
            ("open_max", batch.open_max as u64),
            ("rows_max", batch.rows_max),
            ("row_bytes_max", batch.row_bytes_max as u64),
            ("file_mib_max", batch.file_mib_max),
        ];
        self.not_zero("batch", &limits);
        if batch.row_bytes_max > ROW_BYTES_MAX {
            let cause = format!("a row can't have {} bytes", batch.row_bytes_max);
            self.error("batch.row_bytes_max", cause, format!("write {ROW_BYTES_MAX} at most"));
        }
        if self.file.postern.control_socket.is_none() {
            let cause = "there is no postern.control_socket, so no list can be handed over";
            self.error("batch", cause, "add postern.control_socket, or remove the table");
        }
    }
}
