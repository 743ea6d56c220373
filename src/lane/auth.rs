//! Bearer tokens, and the lock against guessing them.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use tokio::time::Instant;

use super::{ClientIdentity, IdentifiedBy, is_client_name};

/// How many characters a token has at most; longer ones are not even hashed.
const TOKEN_CHARS_MAX: usize = 512;

/// The bits of a file's mode that let others than its owner write.
const OTHERS_WRITE: u32 = 0o022;

/// So many failures within [`LOCK_WINDOW`] lock an address (NIST SP 800-53 AC-7 as CJIS sets it: 5 in 15 minutes).
const FAILURES_MAX: usize = 5;

/// How long a failure counts.
pub(super) const LOCK_WINDOW: Duration = Duration::from_secs(15 * 60);

/// How many addresses are remembered at most. Beyond that the one whose last failure is the oldest is forgotten.
const ADDRESSES_MAX: usize = 4_096;

/// Why a file of tokens can't be used.
#[derive(Debug)]
pub enum TokenError {
    /// The file can't be read. Remedy: create it, or let the daemon's user read it.
    Unreadable(PathBuf, std::io::Error),
    /// Others than its owner can write to the file, and so add a client. Remedy: `chmod 640`.
    Mode(PathBuf, u32),
    /// The line of this number, from 1, is not `client:` and 64 hexadecimal digits. Remedy: write the SHA-256 of
    /// the token.
    Line(PathBuf, usize),
    /// The line of this number holds a token that another line holds as well. Remedy: give each client its own.
    Twice(PathBuf, usize),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => write!(f, "{} can't be read ({error})", file.display()),
            Self::Mode(file, mode) => {
                let file = file.display();
                write!(f, "others can write to {file} (mode {mode:04o}): run chmod 640 {file}")
            }
            Self::Line(file, line) => {
                write!(
                    f,
                    "{}:{line} is not a client's name, a colon and the token's SHA-256 in hex",
                    file.display()
                )
            }
            Self::Twice(file, line) => {
                write!(
                    f,
                    "{}:{line} holds the token of another line: each client needs its own",
                    file.display()
                )
            }
        }
    }
}

impl std::error::Error for TokenError {}

/// The clients of a lane by the hashes of their tokens.
pub struct Tokens {
    clients: Vec<(Arc<ClientIdentity>, [u8; SHA256_OUTPUT_LEN])>,
}

impl Tokens {
    /// Reads a file of lines `client:sha256-of-token-in-hex`. Empty lines and lines that begin with `#` are
    /// comments. A client may have several tokens, so that they can be changed one after the other.
    ///
    /// # Errors
    /// If the file can't be read, if others can write to it, or at its first line that is none of these.
    pub fn read(file: &Path) -> Result<Self, TokenError> {
        let unreadable = |error| TokenError::Unreadable(file.to_owned(), error);
        let mode = std::fs::metadata(file).map_err(unreadable)?.mode();
        if mode & OTHERS_WRITE != 0 {
            return Err(TokenError::Mode(file.to_owned(), mode & 0o7777));
        }
        Self::parse(&std::fs::read_to_string(file).map_err(unreadable)?, file)
    }

    fn parse(text: &str, file: &Path) -> Result<Self, TokenError> {
        let mut tokens = Self { clients: Vec::new() };
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (client, hash) =
                parse_line(line).ok_or_else(|| TokenError::Line(file.to_owned(), index + 1))?;
            if tokens.clients.iter().any(|(_, other)| *other == hash) {
                return Err(TokenError::Twice(file.to_owned(), index + 1));
            }
            tokens.clients.push((Arc::new(client), hash));
        }
        Ok(tokens)
    }

    /// The client of a token. Takes the same time wherever the hashes differ, and for each client.
    pub(super) fn client(&self, token: &str) -> Option<Arc<ClientIdentity>> {
        if token.is_empty() || token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let given = digest(&SHA256, token.as_bytes());
        let mut found = None;
        for (client, hash) in &self.clients {
            if verify_slices_are_equal(given.as_ref(), hash).is_ok() {
                found = Some(client);
            }
        }
        found.cloned()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.clients.len())
    }
}

fn parse_line(line: &str) -> Option<(ClientIdentity, [u8; SHA256_OUTPUT_LEN])> {
    let (client, hex) = line.rsplit_once(':')?;
    let client = client.trim();
    let hash = parse_hex(hex.trim())?;
    is_client_name(client).then(|| (ClientIdentity::new(client, IdentifiedBy::Token), hash))
}

fn parse_hex(hex: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let bytes: Vec<u8> = digits?.chunks(2).map(|pair| pair.iter().fold(0, |sum, d| sum << 4 | d)).collect();
    if hex.len() == 2 * SHA256_OUTPUT_LEN { bytes.try_into().ok() } else { None }
}

/// The addresses from which tokens are being guessed. An IPv6 address counts with all of its /64, which one client
/// holds.
#[derive(Default)]
pub(super) struct Lockout {
    failures: Mutex<HashMap<IpAddr, Vec<Instant>>>,
}

impl Lockout {
    /// How long the address is still locked at this time, if it is.
    pub(super) fn locked(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let times = failures.get(&network(address))?;
        let oldest = times.first().filter(|_| times.len() >= FAILURES_MAX)?;
        (*oldest + LOCK_WINDOW).checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// A token from this address was wrong at this time.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        if failures.len() >= ADDRESSES_MAX && !failures.contains_key(&address) {
            make_room(&mut failures, now);
        }
        let times = failures.entry(address).or_default();
        times.retain(|time| now.duration_since(*time) < LOCK_WINDOW);
        if times.len() >= FAILURES_MAX {
            times.remove(0);
        }
        times.push(now);
    }
}

/// Forgets the addresses whose failures no longer count, or else the one that failed longest ago.
fn make_room(failures: &mut HashMap<IpAddr, Vec<Instant>>, now: Instant) {
    let counts = |time: &Instant| now.duration_since(*time) < LOCK_WINDOW;
    failures.retain(|_, times| times.last().is_some_and(counts));
    if failures.len() >= ADDRESSES_MAX {
        let oldest = failures.iter().min_by_key(|(_, times)| times.last().copied());
        if let Some(address) = oldest.map(|(address, _)| *address) {
            failures.remove(&address);
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EGATE: &str = "egate-1:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn parse(text: &str) -> Result<Tokens, TokenError> {
        Tokens::parse(text, Path::new("tokens"))
    }

    // Proves that a token names its client, and that another, an empty and an endless one name nobody.
    #[test]
    fn tokens_name_clients() {
        let tokens = parse(&format!("# clients\n\n{EGATE}\r\n")).unwrap();
        let client = tokens.client("test").unwrap();
        assert_eq!((client.name.as_str(), client.by), ("egate-1", IdentifiedBy::Token));
        for wrong in ["", "Test", "test ", &"t".repeat(TOKEN_CHARS_MAX + 1)] {
            assert!(tokens.client(wrong).is_none());
        }
    }

    // Proves that a line that is not understood is an error with its number, never a client less.
    #[test]
    fn lines_are_checked() {
        for bad in ["egate-1", "egate-1:9f86", &EGATE[1 + EGATE.find(':').unwrap()..], &format!("{EGATE}0")] {
            assert!(matches!(parse(&format!("#\n{bad}")), Err(TokenError::Line(_, 2))), "{bad}");
        }
        assert!(matches!(parse(&EGATE.replace("9f", "+f")), Err(TokenError::Line(_, 1))));
        let other = EGATE.replace("egate-1", "egate-2");
        assert!(matches!(parse(&format!("{EGATE}\n{other}")), Err(TokenError::Twice(_, 2))));
    }

    // Proves that a file that others can write to names nobody, and that a missing one is an error.
    #[test]
    fn files_are_checked() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), EGATE).unwrap();
        let set =
            |mode| std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o660);
        let error = Tokens::read(file.path()).unwrap_err();
        assert!(matches!(error, TokenError::Mode(_, 0o660)) && error.to_string().contains("chmod 640"));
        set(0o640);
        assert!(Tokens::read(file.path()).unwrap().client("test").is_some());
        let missing = file.path().with_extension("none");
        assert!(matches!(Tokens::read(&missing), Err(TokenError::Unreadable(..))));
    }

    // Proves that five failures in the window lock an address (in IPv6 its network) and no other, until the first is old.
    #[tokio::test(start_paused = true)]
    async fn five_failures_lock() {
        let lockout = Lockout::default();
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        let start = Instant::now();
        for second in 0..5 {
            assert_eq!(lockout.locked(address, start), None);
            lockout.failed(address, start + Duration::from_secs(second));
        }
        let neighbour = "2001:db8::2".parse().unwrap();
        assert_eq!(lockout.locked(neighbour, start), Some(LOCK_WINDOW));
        assert_eq!(lockout.locked("2001:db8:0:1::1".parse().unwrap(), start), None);
        assert_eq!(lockout.locked(address, start + LOCK_WINDOW), None);
    }

    // Proves that the memory for addresses is bounded, and keeps the latest.
    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let lockout = Lockout::default();
        let start = Instant::now();
        let addresses: Vec<IpAddr> =
            (0..=ADDRESSES_MAX as u32).map(|n| IpAddr::V4(std::net::Ipv4Addr::from_bits(n))).collect();
        for (second, address) in addresses.iter().enumerate() {
            lockout.failed(*address, start + Duration::from_millis(second as u64));
        }
        let failures = lockout.failures.lock().unwrap();
        assert_eq!(failures.len(), ADDRESSES_MAX);
        assert!(!failures.contains_key(&addresses[0]) && failures.contains_key(&addresses[ADDRESSES_MAX]));
    }
}
