//! One file's bytes as they are on the platter, apart from those that were merely written, and what of the latter
//! survives.

const SECTOR: usize = 512;

#[derive(Default, Clone)]
pub(super) struct Inode {
    pub(super) current: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) unsynced: Vec<Change>,
}

#[derive(Clone)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

/// A small generator (`SplitMix64`), so that a seed is a whole test case.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

impl Inode {
    pub(super) fn settled(bytes: Vec<u8>) -> Self {
        Self { durable: bytes.clone(), current: bytes, unsynced: Vec::new() }
    }

    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.current, &change, &mut |_| true);
        self.unsynced.push(change);
    }

    pub(super) fn synced(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            apply(&mut self.durable, &change, &mut |_| true);
        }
    }

    /// What the platter holds after a crash or a failed sync.
    pub(super) fn survivor(&self, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.unsynced {
            survive(&mut bytes, change, dice);
        }
        bytes
    }
}

fn survive(bytes: &mut Vec<u8>, change: &Change, dice: &mut Dice) {
    match dice.below(5) {
        0 => {}
        1 => apply(bytes, change, &mut |_| true),
        2 => cut_write(bytes, change, dice),
        _ => apply(bytes, change, &mut |_| dice.below(2) == 0),
    }
}

/// A write of which only the first bytes arrived.
fn cut_write(bytes: &mut Vec<u8>, change: &Change, dice: &mut Dice) {
    if let Change::Write { offset, bytes: written } = change {
        let kept = dice.below(written.len() + 1);
        let cut = Change::Write { offset: *offset, bytes: written[..kept].to_vec() };
        apply(bytes, &cut, &mut |_| true);
    }
}

/// Applies a change, sector by sector, where `keep` says so.
fn apply(bytes: &mut Vec<u8>, change: &Change, keep: &mut dyn FnMut(usize) -> bool) {
    match change {
        Change::SetLen(len) => bytes.resize(*len, 0),
        Change::Write { offset, bytes: written } => {
            let mut at = 0;
            while at < written.len() {
                let place = offset + at;
                let step = (SECTOR - place % SECTOR).min(written.len() - at);
                if keep(place / SECTOR) {
                    if bytes.len() < place + step {
                        bytes.resize(place + step, 0);
                    }
                    bytes[place..place + step].copy_from_slice(&written[at..at + step]);
                }
                at += step;
            }
        }
    }
}
