//! Damage to frames, reproducible from a number.

/// Longest pure random frame, in bytes.
const RANDOM_LEN_MAX: usize = 256;

/// A xorshift generator: small, fast and the same everywhere. Not for secrets.
pub(crate) struct Random(u64);

impl Random {
    /// The generator of a number; neighbouring numbers give unrelated sequences (the finaliser of splitmix64).
    pub(crate) fn of(number: u64) -> Self {
        let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((z ^ (z >> 31)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = (bound as u64).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}

/// The frame of this number under a seed: every eighth is pure random, the others are damaged ones of `frames`.
pub(crate) fn mutant(number: u64, seed: u64, frames: &[&[u8]]) -> Vec<u8> {
    let mut random = Random::of(number ^ seed.rotate_left(32));
    if number % 8 == 7 || frames.is_empty() {
        let len = random.below(RANDOM_LEN_MAX + 1);
        return (0..len).map(|_| random.byte()).collect();
    }
    let mut bytes = frames[random.below(frames.len())].to_vec();
    for _ in 0..[1, 1, 2, 3][random.below(4)] {
        damage(&mut bytes, frames, &mut random);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, frames: &[&[u8]], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + 1 + random.below(16)).min(bytes.len());
    match random.below(24) {
        0..=7 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = look_alike(*byte, random)),
        8..=9 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
        10..=11 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.byte()),
        12..=13 => bytes.insert(at, random.byte()),
        14..=15 => bytes.insert(at, telling_byte(random)),
        16..=17 => drop(bytes.drain(at.min(end)..end)),
        18..=19 => bytes.extend_from_within(at.min(end)..end),
        20 => bytes.truncate(at),
        _ => splice(bytes, at, frames[random.below(frames.len())], random),
    }
}

/// Another byte of the same class, which leaves most formats readable and the content wrong.
fn look_alike(byte: u8, random: &mut Random) -> u8 {
    let mut among = |first: u8, count: usize| (first..).nth(random.below(count)).unwrap_or(first);
    match byte {
        b'0'..=b'9' => among(b'0', 10),
        b'A'..=b'Z' => among(b'A', 26),
        b'a'..=b'z' => among(b'a', 26),
        other => other,
    }
}

/// A byte that means something to some format: separators, quotes, brackets, framing.
fn telling_byte(random: &mut Random) -> u8 {
    const TELLING: &[u8] = b"\0\x01\x02\x03\x1c\x1d\x1e\x1f\t\n\r \"'+,-.:;<>?[]\\{}/&\x80\xc3\xff0A";
    TELLING[random.below(TELLING.len())]
}

/// Goes over into another frame.
fn splice(bytes: &mut Vec<u8>, at: usize, other: &[u8], random: &mut Random) {
    bytes.truncate(at);
    bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that a number gives the same frame each time, and that numbers give many different ones.
    #[test]
    fn mutants_are_reproducible_and_many() {
        let frames: [&[u8]; 2] = [b"the first frame", b"another, longer frame of text"];
        let all: Vec<Vec<u8>> = (0..1000).map(|number| mutant(number, 0, &frames)).collect();
        assert!((0..1000).all(|number| mutant(number, 0, &frames) == all[number as usize]));
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert!(distinct.len() > 800, "{}", distinct.len());
    }
}
