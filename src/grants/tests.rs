//! Whether nothing but the bureau's signature can grant, and a grant reaches as far as it says.

use jiff::Timestamp;
use postern_sdk::{Context, Database, Environment, Reason, View};

use super::{Decision, Denial, Grants, GrantsError, Operation, sign};
use crate::clock::Reading;
use crate::keys::PrivateKey;

const TEXT: &str = r#"
format = 1
number = 7
environment = "training"
issuer = "NCB Utopia"
issued_at = 2026-11-01T00:00:00Z
expires_at = "2026-12-01T00:00:00Z"

[[grant]]
client = "gate-7"
databases = ["sltd", "tdawn"]
sites = ["ZZA"]
purposes = ["border"]
view = "class"

[[grant]]
client = "gate-7"
databases = ["nominal"]
sites = "*"
purposes = ["border"]
valid_until = "2026-11-20T00:00:00Z"

[[grant]]
client = "booth"
databases = ["sltd"]
operations = ["search", "details"]
sites = "*"
purposes = "*"
view = "full"
operation = "stop-week"

[[suspension]]
databases = ["tdawn"]
sites = ["ZZA"]
from = "2026-11-10T00:00:00Z"
until = "2026-11-11T00:00:00Z"
reason = "maintenance at the source"
"#;

fn loaded(text: &str) -> Result<Grants, GrantsError> {
    let key = PrivateKey::generate().unwrap();
    let (signed, _) = sign(text, &key)?;
    Grants::verify(&signed, &key.public(), Environment::Training)
}

fn context(client: &str) -> Context {
    Context {
        client: client.into(),
        environment: Environment::Training,
        site: Some("ZZA".into()),
        purpose: Some("border".into()),
        ..Context::default()
    }
}

fn on(day: &str) -> Reading {
    Reading { now: format!("{day}T12:00:00Z").parse::<Timestamp>().unwrap(), trusted: true }
}

fn decided(context: &Context, databases: &[Database], at: Reading) -> Decision {
    loaded(TEXT).unwrap().decide(context, Operation::Search, databases.iter().copied(), at)
}

fn granted(view: View, barred: &[(Database, Reason)]) -> Decision {
    Decision::Granted { view, barred: barred.to_vec() }
}

// Proves that a text without signature, with another's, or changed in any byte after signing grants nothing.
#[test]
fn only_the_bureau_grants() {
    let key = PrivateKey::generate().unwrap();
    let verify =
        |text: &str| Grants::verify(text, &key.public(), Environment::Training).map(|grants| grants.number());
    assert!(matches!(verify(TEXT), Err(GrantsError::Unsigned)));
    let (foreign, _) = sign(TEXT, &PrivateKey::generate().unwrap()).unwrap();
    assert!(matches!(verify(&foreign), Err(GrantsError::Signature { .. })));
    let (signed, _) = sign(TEXT, &key).unwrap();
    assert_eq!(verify(&signed).unwrap(), 7);
    for (from, to) in
        [("class", "full"), ("[\"sltd\"]", "[\"smv\"]"), ("2026-12", "2036-12"), ("\n[", "\n\n[")]
    {
        assert!(matches!(verify(&signed.replace(from, to)), Err(GrantsError::Signature { .. })), "{from}");
    }
    let appended = format!("{signed}[[grant]]\nclient = \"x\"\n");
    assert!(matches!(verify(&appended), Err(GrantsError::Unsigned)));
}

// Proves that signing twice leaves one signature, and that what could not be loaded is not signed.
#[test]
fn signs_what_can_be_loaded() {
    let key = PrivateKey::generate().unwrap();
    let (once, environment) = sign(TEXT, &key).unwrap();
    assert_eq!(environment, Environment::Training);
    assert_eq!(sign(&once, &key).unwrap().0, once);
    let broken = [
        ("format = 1", "format = 2"),
        ("[\"ZZA\"]", "[]"),
        ("\"nominal\"", "\"dna\""),
        ("issuer", "isuer"),
        ("2026-12-01", "2026-10-01"),
        ("maintenance at the source", " "),
    ];
    for (from, to) in broken {
        let result = sign(&TEXT.replace(from, to), &key);
        assert!(matches!(result, Err(GrantsError::Form(_))), "{from}");
    }
}

// Proves that a document of the other environment is refused, and one that is older than what was known here.
#[test]
fn environment_and_rollback() {
    let production = loaded(&TEXT.replace("training", "production"));
    assert!(matches!(production, Err(GrantsError::Environment(Environment::Production))));
    let grants = loaded(TEXT).unwrap();
    assert!(grants.supersedes(6).is_ok() && grants.supersedes(7).is_ok());
    assert!(matches!(grants.supersedes(8), Err(GrantsError::Rollback { number: 7, known: 8 })));
}

// Proves that a document grants only between its issue and its expiry, by a trusted clock, in its environment.
#[test]
fn whole_document_denies() {
    let databases = [Database::Sltd];
    let gate = context("gate-7");
    let denied = |context: &Context, at| match decided(context, &databases, at) {
        Decision::Denied(denial) => denial,
        granted @ Decision::Granted { .. } => panic!("{granted:?}"),
    };
    assert_eq!(denied(&gate, on("2026-10-31")), Denial::NotYetIssued);
    assert_eq!(denied(&gate, on("2026-12-01")), Denial::Expired);
    assert_eq!(denied(&gate, Reading { trusted: false, ..on("2026-11-05") }), Denial::ClockImplausible);
    let production = Context { environment: Environment::Production, ..gate.clone() };
    assert_eq!(denied(&production, on("2026-11-05")), Denial::WrongEnvironment);
    assert_eq!(denied(&context("stranger"), on("2026-11-05")), Denial::NoGrant);
}

// Proves that what a grant does not name (database, site, purpose, period, operation) is not granted, and the rest is.
#[test]
fn grants_reach_as_far_as_they_say() {
    use Database::{Nominal, Sltd};
    let gate = context("gate-7");
    let early = on("2026-11-05");
    assert_eq!(decided(&gate, &[Sltd], early), granted(View::Class, &[]));
    assert_eq!(decided(&gate, &[Sltd, Nominal], early), granted(View::Gate, &[]));
    let late = on("2026-11-25");
    assert_eq!(
        decided(&gate, &[Sltd, Nominal], late),
        granted(View::Class, &[(Nominal, Reason::NotGranted)])
    );
    let refused = granted(View::Gate, &[(Sltd, Reason::NotGranted)]);
    for elsewhere in [
        Context { site: Some("ZZB".into()), ..gate.clone() },
        Context { purpose: Some("asylum".into()), ..gate.clone() },
        Context { site: None, ..gate.clone() },
        context("booth"),
    ] {
        assert_eq!(decided(&elsewhere, &[Sltd], early), refused);
    }
    let operation = Context { operation: Some("stop-week".into()), ..context("booth") };
    assert_eq!(decided(&operation, &[Sltd], early), granted(View::Full, &[]));
    let nameless = Context { purpose: None, ..operation };
    assert_eq!(decided(&nameless, &[Sltd], early), refused);
    let details = loaded(TEXT).unwrap().decide(&gate, Operation::Details, [Sltd], early);
    assert_eq!(details, refused);
}

// Proves that a suspension bars its database at its sites while it lasts, and nothing else.
#[test]
fn suspensions() {
    use Database::{Sltd, Tdawn};
    let gate = context("gate-7");
    let during = on("2026-11-10");
    let barred = granted(View::Class, &[(Tdawn, Reason::Suspended)]);
    assert_eq!(decided(&gate, &[Sltd, Tdawn], during), barred);
    assert_eq!(decided(&gate, &[Sltd, Tdawn], on("2026-11-11")), granted(View::Class, &[]));
    let grants = loaded(TEXT).unwrap();
    assert_eq!(grants.suspensions(during.now).count(), 1);
    assert_eq!(grants.suspensions(on("2026-11-09").now).count(), 0);
}
