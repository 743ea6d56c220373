//! Revoked and expired certificates, and their replacement while FIND is asked.

use std::fs;
use std::path::Path;

use crate::config::file::ClientTls;
use crate::sim::pki::Identity;
use crate::sim::{RunningSim, SimTls, Simulator};
use crate::tls::testing::{Authority, Issued};

use super::simulated::{asked, options};
use super::*;

async fn served(authority: &Authority, server: &Issued) -> RunningSim {
    let (cert_pem, key_pem) = server.pems();
    let identity = Identity { cert_pem, key_pem };
    Simulator::start(options(Some(SimTls { identity, client_ca_pem: authority.pem().to_owned() })))
        .await
        .unwrap()
}

fn trusting(sim: &RunningSim, tls: ClientTls) -> Arc<Find> {
    let mut settings = settings(&format!("https://localhost:{}", sim.addr.port()));
    // Every request makes a connection, so that each tells of the certificates of its time.
    settings.options.connection_age_s_max = 0;
    settings.options.breaker_failures = 100;
    settings.options.tls = Some(tls);
    find(settings)
}

fn listed(folder: &Path, authority: &Authority, name: &str, list: &str) -> ClientTls {
    let file = folder.join(name);
    fs::write(&file, list).unwrap();
    ClientTls { crl_files: vec![file], ..authority.client(folder, authority, Some("postern")) }
}

async fn sltd(find: &Arc<Find>) -> String {
    asked(find, "ZZ9999999").await.remove("sltd").unwrap()
}

// Proves that a revoked certificate is refused, and with an expired list, or one of another authority, every one.
#[tokio::test]
async fn revocation_is_enforced() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new("PRODUCTION"), Authority::new("OTHER"));
    let server = authority.issue("server");
    let sim = served(&authority, &server).await;
    let der = authority.list(&[], 2100);
    let cases = [
        ("fresh", authority.list(&[], 2100), "no_record"),
        ("others", authority.list(&[&authority.issue("old")], 2100), "no_record"),
        ("revoked", authority.list(&[&server], 2100), "certificate_refused"),
        ("expired", authority.list(&[], 2021), "certificate_refused"),
        ("foreign", other.list(&[], 2100), "certificate_refused"),
        ("both", format!("{}{der}", other.list(&[], 2100)), "no_record"),
    ];
    for (name, list, expected) in cases {
        let find = trusting(&sim, listed(folder.path(), &authority, name, &list));
        assert_eq!(sltd(&find).await, expected, "{name}");
    }
    let empty = listed(folder.path(), &authority, "empty", "");
    let mut settings = settings("https://localhost:1");
    settings.options.tls = Some(empty);
    let refused = Find::new(settings, Arc::new(Profile::built_in()), Clock::system()).err().unwrap();
    assert_eq!(refused.key, "find.tls.crl_files");
}

// Proves that files are replaced while they are in use: a list that revokes counts at once, an expired or broken one is
// refused and told, and the days to each end are known.
#[tokio::test]
async fn files_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("PRODUCTION");
    let server = authority.issue("server");
    let sim = served(&authority, &server).await;
    let tls = listed(folder.path(), &authority, "list", &authority.list(&[], 2100));
    let list = tls.crl_files[0].clone();
    let find = trusting(&sim, tls);
    assert_eq!(sltd(&find).await, "no_record");
    for unusable in [authority.list(&[&server], 2021), "no list".to_owned()] {
        fs::write(&list, unusable).unwrap();
        for refused in [true, true] {
            find.look_after();
            assert_eq!((sltd(&find).await, find.link_status().files_refused), ("no_record".into(), refused));
        }
    }
    fs::write(&list, authority.list(&[&server], 2099)).unwrap();
    find.look_after();
    assert_eq!((sltd(&find).await, find.link_status().files_refused), ("certificate_refused".into(), false));
    let ends = find.link_status().certificates;
    let codes: Vec<_> = ends.iter().map(|end| end.what.code()).collect();
    assert_eq!(codes, ["certificate", "authority", "revocation_list"]);
    let year = 2099 - i64::from(jiff::tz::TimeZone::UTC.to_datetime(Clock::system().now()).year());
    assert!((ends[2].days / 365 - year).abs() <= 1, "{}", ends[2].days);
}

// Proves that another certificate of the server, of another authority, is accepted once that authority is trusted, and
// that connections made under the one before are not used again.
#[tokio::test]
async fn authorities_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (Authority::new("BEFORE"), Authority::new("AFTER"));
    let sims =
        (served(&before, &before.issue("server")).await, served(&before, &after.issue("server")).await);
    let tls = before.client(folder.path(), &before, Some("postern"));
    let ca_file = tls.ca_file.clone();
    let (kept, moved) = (trusting(&sims.0, tls.clone()), trusting(&sims.1, tls));
    assert_eq!((sltd(&kept).await, sltd(&moved).await), ("no_record".into(), "certificate_refused".into()));
    fs::write(&ca_file, format!("{}{}", before.pem(), after.pem())).unwrap();
    kept.look_after();
    moved.look_after();
    assert_eq!((sltd(&kept).await, sltd(&moved).await), ("no_record".into(), "no_record".into()));
    fs::write(&ca_file, after.pem()).unwrap();
    kept.look_after();
    assert_eq!(sltd(&kept).await, "certificate_refused");
}
