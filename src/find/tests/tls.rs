//! The client against the simulator over mutual TLS.

use crate::sim::pki::TrainingPki;
use crate::sim::{RunningSim, SimTls, Simulator};

use super::simulated::{asked, both, options};
use super::*;

fn https(sim: &RunningSim, pki: &TrainingPki, identity: bool, environment: Environment) -> Settings {
    let pem = |text: &String| text.clone().into_bytes();
    let identity = identity.then(|| (pem(&pki.client.cert_pem), pem(&pki.client.key_pem)));
    Settings {
        tls: Some(TlsMaterial { ca: pem(&pki.ca_pem), identity }),
        environment,
        ..settings(&format!("https://localhost:{}", sim.addr.port()))
    }
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
    let trusted = find(https(&sim, &pki, true, Environment::Training));
    assert_eq!(asked(&trusted, "L898902C3").await, both("hits", "hits"));
    let nameless = find(https(&sim, &pki, false, Environment::Training));
    assert_eq!(asked(&nameless, "L898902C3").await["sltd"], "transport");
    let other = TrainingPki::generate(&hosts, "postern", now).unwrap();
    let stranger = find(https(&sim, &other, true, Environment::Training));
    assert_eq!(asked(&stranger, "L898902C3").await["sltd"], "transport");
}

// Proves that production refuses certificates for training: as authority and identity at the start, and in the handshake.
#[tokio::test]
async fn production_refuses_training() {
    let hosts = ["localhost".to_owned()];
    let now = Clock::system().now();
    let pki = TrainingPki::generate(&hosts, "postern", now).unwrap();
    let sim = secured(&pki).await;
    let start = |settings| Find::new(settings, Arc::new(Profile::built_in()), Clock::system());
    let refused = start(https(&sim, &pki, true, Environment::Production)).err().unwrap();
    assert_eq!(refused.key, "find.tls.ca_file");

    // The server shows a marked certificate of an authority that bears no mark: only the handshake can tell.
    let (mixed, plain) = (
        TrainingPki::of_unmarked_authority(&hosts, "postern", now),
        TrainingPki::unmarked(&hosts, "postern", now),
    );
    let tls = SimTls { identity: mixed.server.clone(), client_ca_pem: plain.ca_pem.clone() };
    let sim = Simulator::start(options(Some(tls))).await.unwrap();
    for (environment, expected) in [(Environment::Training, "hits"), (Environment::Production, "transport")] {
        let mut settings = https(&sim, &plain, true, environment);
        settings.tls.as_mut().unwrap().ca = mixed.ca_pem.clone().into_bytes();
        let find = super::find(settings);
        let mut ask = ask(document("L898902C3"), &[Database::Sltd]);
        Arc::make_mut(&mut ask.context).environment = environment;
        assert_eq!(told(&Arc::clone(&find).ask(ask).await)["sltd"], expected);
    }

    let sim = secured(&plain).await;
    let find = super::find(https(&sim, &plain, true, Environment::Production));
    let mut ask = ask(document("L898902C3"), &[Database::Sltd]);
    Arc::make_mut(&mut ask.context).environment = Environment::Production;
    assert_eq!(told(&Arc::clone(&find).ask(ask).await)["sltd"], "hits");
}
