//! Rechecks: whether there is somebody to ask, and everything has a limit.

use super::Checker;

impl Checker<'_> {
    pub(super) fn recheck(&mut self) {
        let recheck = &self.file.recheck;
        let limits = [
            ("rate_per_s_max", u64::from(recheck.rate_per_s_max)),
            ("concurrency_max", recheck.concurrency_max as u64),
            ("age_max_days", recheck.age_max_days.into()),
        ];
        self.not_zero("recheck", &limits);
        if recheck.oldest_share_percent > 100 {
            let cause = format!("{} of a hundred can't be the oldest", recheck.oldest_share_percent);
            self.error("recheck.oldest_share_percent", cause, "write 0 to 100; 25 is usual");
        }
        let Some(find) = &self.file.find else {
            if self.places.has("recheck") {
                let cause = "there is no [find], so nothing is asked again";
                self.warn("recheck", cause, "add [find], or remove the table");
            }
            return;
        };
        if !recheck.enabled {
            let cause = "what can't be asked online is never asked again here";
            self.warn("recheck.enabled", cause, "leave it out, unless another instance does it");
        }
        let is_written = self.places.has("recheck.concurrency_max");
        if is_written && recheck.concurrency_max > find.concurrency_max {
            let cause = format!("it is more than find.concurrency_max ({})", find.concurrency_max);
            self.error("recheck.concurrency_max", cause, "write less: lanes need most of it");
        }
    }
}
