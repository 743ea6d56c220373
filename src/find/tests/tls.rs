//! The client against the simulator over mutual TLS.

use std::os::unix::fs::PermissionsExt;

use crate::config::file::ClientTls;
use crate::sim::pki::TrainingPki;
use crate::sim::{RunningSim, SimTls, Simulator};

use super::simulated::{asked, both, options};
use super::*;

/// The settings of a client that trusts one authority and shows the client certificate of another, or none.
fn https(
    sim: &RunningSim,
    trusted: &TrainingPki,
    shown: Option<&TrainingPki>,
    environment: Environment,
) -> (tempfile::TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, pem: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, pem).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    };
    let tls = ClientTls {
        ca_file: write("ca.pem", &trusted.ca_pem),
        crl_files: Vec::new(),
        cert_file: shown.map(|pki| write("client.pem", &pki.client.cert_pem)),
        key_file: shown.map(|pki| write("client.key", &pki.client.key_pem)),
    };
    let mut settings = settings(&format!("https://localhost:{}", sim.addr.port()));
    settings.options.tls = Some(tls);
    settings.environment = environment;
    (folder, settings)
}

fn connected(
    sim: &RunningSim,
    trusted: &TrainingPki,
    shown: Option<&TrainingPki>,
    environment: Environment,
) -> Arc<Find> {
    let (_folder, settings) = https(sim, trusted, shown, environment);
    find(settings)
}

async fn sltd(find: &Arc<Find>, environment: Environment) -> String {
    let mut ask = ask(document("L898902C3"), &[Database::Sltd]);
    Arc::make_mut(&mut ask.context).environment = environment;
    told(&Arc::clone(find).ask(ask).await).remove("sltd").unwrap()
}

async fn secured(pki: &TrainingPki) -> RunningSim {
    let tls = SimTls { identity: pki.server.clone(), client_ca_pem: pki.ca_pem.clone() };
    Simulator::start(options(Some(tls))).await.unwrap()
}

// Proves mutual TLS: it works with both certificates, and neither without ours nor with another authority.
#[tokio::test]
async fn mutual_tls() {
    let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let now = Clock::system().now();
    let pki = TrainingPki::generate(&hosts, "postern", now).unwrap();
    let sim = secured(&pki).await;
    let trusted = connected(&sim, &pki, Some(&pki), Environment::Training);
    assert_eq!(asked(&trusted, "L898902C3").await, both("hits", "hits"));
    let nameless = connected(&sim, &pki, None, Environment::Training);
    assert_eq!(asked(&nameless, "L898902C3").await["sltd"], "transport");
    let other = TrainingPki::generate(&hosts, "postern", now).unwrap();
    let stranger = connected(&sim, &other, Some(&other), Environment::Training);
    assert_eq!(asked(&stranger, "L898902C3").await["sltd"], "certificate_refused");
}

// Proves that production refuses certificates for training: as authority and identity at the start, and in the handshake.
#[tokio::test]
async fn production_refuses_training() {
    let hosts = ["localhost".to_owned()];
    let now = Clock::system().now();
    let pki = TrainingPki::generate(&hosts, "postern", now).unwrap();
    let sim = secured(&pki).await;
    let (folder, settings) = https(&sim, &pki, Some(&pki), Environment::Production);
    let start = |settings| Find::new(settings, Arc::new(Profile::built_in()), Clock::system());
    let refused = start(settings).err().unwrap();
    assert_eq!(refused.key, "find.tls.ca_file");
    assert!(refused.what.contains(&folder.path().display().to_string()), "{refused}");

    // The server shows a marked certificate of an authority that bears no mark: only the handshake can tell.
    let (mixed, plain) = (
        TrainingPki::of_unmarked_authority(&hosts, "postern", now),
        TrainingPki::unmarked(&hosts, "postern", now),
    );
    let tls = SimTls { identity: mixed.server.clone(), client_ca_pem: plain.ca_pem.clone() };
    let sim = Simulator::start(options(Some(tls))).await.unwrap();
    for (environment, expected) in
        [(Environment::Training, "hits"), (Environment::Production, "certificate_refused")]
    {
        let find = connected(&sim, &mixed, Some(&plain), environment);
        assert_eq!(sltd(&find, environment).await, expected);
    }

    let sim = secured(&plain).await;
    let find = connected(&sim, &plain, Some(&plain), Environment::Production);
    assert_eq!(sltd(&find, Environment::Production).await, "hits");
}
