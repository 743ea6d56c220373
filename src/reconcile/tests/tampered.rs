//! Bundles that were changed, or are not what they say.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::super::header::PREFIX_BYTES;
use super::*;

/// A world with a bundle `b` of one screening.
fn world() -> World {
    let world = World::new();
    world.happens([screening(1, false)]);
    world.export("b", None, None);
    world
}

// Proves that a bundle shows its range and nothing else: no native message, no reference, no sender.
#[test]
fn nothing_personal_in_clear() {
    let world = world();
    let bundle = bytes(&world.path("b"));
    let shows = |text: &[u8]| bundle.windows(text.len()).any(|window| window == text);
    assert!(!shows(CANARY.as_bytes()) && !shows(&Uuid::from_u128(1).as_bytes()[..]));
    assert!(shows(SITE.as_bytes()), "the range is in clear");
    assert!(!format!("{:?}", world.check("b").unwrap()).contains(CANARY));
}

// Proves that a bundle cut at any byte is refused as such, and that bytes behind its end are, too.
#[test]
fn cut_anywhere() {
    let world = world();
    let bundle = bytes(&world.path("b"));
    for length in 0..bundle.len() {
        fs::write(world.path("cut"), &bundle[..length]).unwrap();
        assert_eq!(code(world.read("cut")), "truncated", "{length}");
    }
    fs::write(world.path("cut"), [&bundle[..], b"x"].concat()).unwrap();
    assert_eq!(code(world.read("cut")), "trailing");
}

// Proves that every flipped bit is refused, each with a code of the list.
#[test]
fn flipped_bits() {
    let world = world();
    let mut bundle = bytes(&world.path("b"));
    let header = PREFIX_BYTES + bundle[8..12].iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
    let known = [
        "not_a_bundle",
        "version",
        "truncated",
        "trailing",
        "endless_data",
        "header_malformed",
        "unknown_site",
        "signature_wrong",
    ];
    // All of what is in clear, and of the sealed stream a bit of every byte.
    let bits = (0..header * 8).chain((header..bundle.len()).map(|byte| byte * 8 + byte % 8));
    let flipped = File::create(world.path("flipped")).unwrap();
    flipped.write_all_at(&bundle, 0).unwrap();
    for bit in bits {
        bundle[bit / 8] ^= 1 << (bit % 8);
        flipped.write_all_at(&bundle[bit / 8..=bit / 8], (bit / 8) as u64).unwrap();
        let code = code(world.read("flipped"));
        assert!(known.contains(&code), "bit {bit}: {code}");
        bundle[bit / 8] ^= 1 << (bit % 8);
        flipped.write_all_at(&bundle[bit / 8..=bit / 8], (bit / 8) as u64).unwrap();
    }
    world.read("flipped").unwrap();
}

// Proves that endless data is refused before it is read: by the file's size, by what it says of itself, and from a device.
#[test]
fn endless_data() {
    let world = world();
    let huge = File::create(world.path("huge")).unwrap();
    huge.set_len(FILE_BYTES_MAX + 1).unwrap();
    assert_eq!(code(world.read("huge")), "endless_data");
    let mut bundle = bytes(&world.path("b"));
    bundle[12..20].fill(0xff);
    fs::write(world.path("says"), &bundle).unwrap();
    assert_eq!(code(world.read("says")), "endless_data");
    bundle[8..12].fill(0xff);
    fs::write(world.path("says"), &bundle).unwrap();
    assert_eq!(code(world.read("says")), "endless_data");
    let zeros = Bundle::read(Path::new("/dev/zero"), Environment::Training, |_| Ok(world.site.public()));
    assert_eq!(code(zeros), "not_a_bundle");
    // A file that was begun and not finished.
    fs::write(world.path("zeros"), [0; 4096]).unwrap();
    assert_eq!(code(world.read("zeros")), "not_a_bundle");
}

// Proves that a bundle of an unknown site, of another key than the site's, of the other environment and for another hub is
// refused, each by its name.
#[test]
fn of_somebody_else() {
    let mut world = world();
    let read = |environment, key: &PrivateKey| {
        code(Bundle::read(&world.path("b"), environment, |_| Ok(key.public())))
    };
    assert_eq!(read(Environment::Production, &world.site), "environment");
    assert_eq!(read(Environment::Training, &PrivateKey::generate().unwrap()), "signature_wrong");
    let unknown = |site: &str| Err(ReconcileError::UnknownSite(site.to_owned()));
    assert_eq!(code(Bundle::read(&world.path("b"), Environment::Training, unknown)), "unknown_site");
    world.hub = SiteKey::generate().unwrap();
    assert_eq!(code(world.check("b")), "not_for_this_hub");
}

// Proves that an enrolled site can't pass another's sealed stream for its own, though it signs it.
#[test]
fn another_sites_stream() {
    let world = world();
    let bundle = world.read("b").unwrap();
    let thief = PrivateKey::generate().unwrap();
    let header = Header { site: "thief".into(), signer: thief.public().id(), ..bundle.header().clone() };
    let (old, text) = (bytes(&world.path("b")), header.text());
    let sealed = &old[PREFIX_BYTES + bundle.header().text().len()..];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sealed);
    let mut prefix = super::super::header::Prefix {
        header_bytes: text.len(),
        sealed_bytes: sealed.len() as u64,
        signature: [0; 64],
    };
    prefix.signature = thief.sign(super::super::header::LABEL, &prefix.signed(&text, digest.as_ref()));
    fs::write(world.path("t"), [&prefix.encode()[..], &text, sealed].concat()).unwrap();
    let read = Bundle::read(&world.path("t"), Environment::Training, |_| Ok(thief.public()));
    assert_eq!(code(check(read.unwrap(), &world.hub, 1 << 19)), "sealed_wrong_label");
}

// Proves that a bundle whose content contradicts itself or does not fit is refused before anything is written.
#[test]
fn content() {
    use super::super::bundle::{NewKey, Writer};
    use super::super::content::{Item, Returned};
    let world = world();
    let header = world.read("b").unwrap().header().clone();
    let returned = |sequence, body: Vec<u8>| Returned {
        sequence,
        time_ns: 0,
        kind: Kind::CaseEvent.code(),
        matter: Uuid::from_u128(3),
        hash: [1; 32],
        body,
    };
    let record = |sequence| Item::Record(returned(sequence, Vec::new()));
    let end = |records| Item::End(Counts { records, ..Counts::default() });
    let made = |items: &[Item]| {
        let out = world.path("made");
        let _ = fs::remove_file(&out);
        let key = NewKey::wrapped_to(world.hub.public(), &header.bundle).unwrap();
        let header = Header { key: key.wrapped.clone(), ..header.clone() };
        let mut writer = Writer::create(&out, &header, &key).unwrap();
        items.iter().for_each(|item| writer.add(item).unwrap());
        writer.finish(&world.site).unwrap();
        world.check("made").map_or_else(|error| error.code(), |_| "checked")
    };
    assert_eq!(made(&[record(1), end(1)]), "checked");
    let empty = Body::new().json(Section::Follow, &Vec::<Follow>::new()).into_bytes();
    let screening = Item::Record(Returned { kind: Kind::Screening.code(), ..returned(1, Vec::new()) });
    for (what, items) in [
        ("no end", vec![record(1)]),
        ("another count", vec![record(1), end(2)]),
        ("behind the end", vec![end(0), record(1)]),
        ("twice", vec![record(1), record(1), end(2)]),
        ("beyond the range", vec![record(2), end(1)]),
        ("before the range", vec![record(0), end(1)]),
        ("a recheck of nothing", vec![Item::Recheck(returned(1, empty.clone())), end(0)]),
        ("a recheck of another", vec![record(1), Item::Recheck(returned(2, empty)), end(1)]),
        ("a recheck without content", vec![record(1), Item::Recheck(returned(1, vec![1])), end(1)]),
        ("an empty screening", vec![screening, end(1)]),
    ] {
        assert_eq!(made(&items), "content_malformed", "{what}");
    }
    let large = Item::Record(returned(1, vec![0; 1 << 19]));
    assert_eq!(made(&[large, end(1)]), "record_too_large");
    let out = world.path("made");
    assert_eq!(code(export(&world.order(&out, 9), None, None)), "file", "no file is overwritten");
}

// Proves that an export that fails leaves no file, and that a site must have a name that a file can have.
#[test]
fn failed_exports() {
    let world = world();
    let out = world.path("out");
    let sealed = Entry { flags: 1, key_id: 4, ..screening(2, false) };
    world.happens([sealed]);
    assert_eq!(code(export(&world.order(&out, 9), None, None)), "record_sealed");
    let order = Export { site: "../x", ..world.order(&out, 9) };
    assert_eq!(code(export(&order, None, None)), "site_name");
    let order = Export { environment_number: 1, ..world.order(&out, 9) };
    assert_eq!(code(export(&order, None, None)), "foreign_journal");
    assert!(!out.exists());
}

// Proves that each refusal of this room has a row in the operator's table.
#[test]
fn codes_are_documented() {
    let table = include_str!("../../../docs/reconcile.md");
    let source = include_str!("../error.rs");
    let codes: Vec<&str> = source
        .lines()
        .filter(|line| line.trim_start().starts_with("Self::") && line.contains("=> \""))
        .filter_map(|line| line.split('"').nth(1))
        .filter(|text| !text.contains(' '))
        .collect();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert!(table.lines().any(|line| line.starts_with(&format!("| `{code}` |"))), "{code}");
    }
}
