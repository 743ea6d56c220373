//! The retry budget: a fixed share of the requests may be asked again, so that a service in trouble is not asked twice as
//! much for that.

/// What one repeat costs. A request earns its percentage of it.
const REPEAT: u32 = 100;

/// So many repeats are kept at most, so that a quiet hour does not pay for a storm.
const REPEATS_MAX: u32 = 10;

/// The budget of one service.
pub(super) struct Budget {
    percent: u32,
    balance: u32,
}

impl Budget {
    /// A budget of so many repeats for each hundred requests. It begins with one, unless there are none at all.
    pub(super) const fn new(percent: u8) -> Self {
        Self { percent: percent as u32, balance: if percent == 0 { 0 } else { REPEAT } }
    }

    /// A request is made for the first time.
    pub(super) fn earn(&mut self) {
        self.balance = (self.balance + self.percent).min(REPEATS_MAX * REPEAT);
    }

    /// Pays for a repeat. False if it can't be paid for.
    pub(super) const fn spend(&mut self) -> bool {
        let enough = self.balance >= REPEAT;
        if enough {
            self.balance -= REPEAT;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that a fifth of the requests can be repeated and no more, and that little is saved up.
    #[test]
    fn a_fifth_is_repeated() {
        let mut budget = Budget::new(20);
        assert!(budget.spend() && !budget.spend());
        let repeats = (0..1_000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(repeats.count(), 200);
        (0..1_000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        let mut none = Budget::new(0);
        none.earn();
        assert!(!none.spend());
    }
}
