//! Certificates and keys from files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use postern_sdk::Environment::{Production, Training};

use super::testing::Authority;
use super::*;

fn kind<T>(result: Result<T, TlsError>) -> Option<TlsErrorKind> {
    result.err().map(|error| error.kind())
}

// Proves that a key that others can read is refused, with the remedy and never with the key.
#[test]
fn keys_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Authority::new("PRODUCTION").server(folder.path(), None);
    assert_eq!(kind(server_config(&tls, Production, Speaks::Frames)), None);
    fs::set_permissions(&tls.key_file, fs::Permissions::from_mode(0o640)).unwrap();
    let error = server_config(&tls, Production, Speaks::Frames).unwrap_err();
    assert_eq!((error.kind(), error.file()), (TlsErrorKind::KeyMode(0o640), tls.key_file.as_path()));
    let text = error.to_string();
    assert!(text.contains("mode 0640") && text.contains("chmod 600") && !text.contains("BEGIN"), "{text}");
}

// Proves that missing, empty and mismatched files are errors that name the file.
#[test]
fn files_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("PRODUCTION");
    let good = authority.server(folder.path(), None);
    let check = |tls: &ServerTls| server_config(tls, Production, Speaks::Http).unwrap_err();
    let missing = ServerTls { cert_file: folder.path().join("none.pem"), ..good.clone() };
    assert_eq!(check(&missing).kind(), TlsErrorKind::Unreadable);
    let swapped = ServerTls { cert_file: good.key_file.clone(), ..good.clone() };
    assert_eq!(check(&swapped).kind(), TlsErrorKind::NoPem);
    let (_, other_key) = authority.issue("other").files(folder.path(), "other");
    assert_eq!(check(&ServerTls { key_file: other_key, ..good }).kind(), TlsErrorKind::Unusable);
    let half = ClientTls { cert_file: None, ..authority.client(folder.path(), &authority, Some("egate")) };
    assert_eq!(kind(client_config(&half, Production)), Some(TlsErrorKind::Half));
}

// Proves that production reads neither a certificate nor an authority of training, and training reads both.
#[test]
fn training_stays_in_training() {
    let folder = tempfile::tempdir().unwrap();
    let (training, production) = (Authority::new("TRAINING"), Authority::new("PRODUCTION"));
    let cases = [
        (training.server(folder.path(), None), Some(TlsErrorKind::Training)),
        (production.server(folder.path(), Some(&training)), Some(TlsErrorKind::Training)),
        (production.server(folder.path(), Some(&production)), None),
    ];
    for (tls, expected) in cases {
        assert_eq!(kind(server_config(&tls, Production, Speaks::Frames)), expected);
        assert_eq!(kind(server_config(&tls, Training, Speaks::Frames)), None);
    }
    let client = training.client(folder.path(), &training, Some("egate"));
    assert_eq!(kind(client_config(&client, Production)), Some(TlsErrorKind::Training));
    assert_eq!(kind(client_config(&client, Training)), None);
    assert_eq!(refuse_training(&[vec![1, 2, 3].into()], Production), Err(OfTraining));
}

async fn shake(server: &Server, client: ClientConfig) -> io::Result<Option<String>> {
    let (ours, theirs) = tokio::io::duplex(16 << 10);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let (accepted, connected) =
        tokio::join!(server.accept(ours), connector.connect("localhost".try_into().unwrap(), theirs));
    connected?;
    accepted.map(|(_, name)| name)
}

// Proves that a handshake refuses a peer of training in production, although its authority is trusted by way of another.
#[tokio::test]
async fn training_peers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let production = Authority::new("PRODUCTION");
    let exercise = production.subordinate("TRAINING");
    let tls = production.server(folder.path(), Some(&production));
    let server = Server::from_config(&tls, Production, Speaks::Frames).unwrap();
    let client = |authority: &Authority| authority.client(folder.path(), &production, Some("egate-1"));
    let good = client_config(&client(&production), Production).unwrap();
    assert_eq!(shake(&server, good).await.unwrap().as_deref(), Some("egate-1"));
    let bad = client_config(&client(&exercise), Training).unwrap();
    let (ours, theirs) = tokio::io::duplex(16 << 10);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(bad));
    let (accepted, _) =
        tokio::join!(server.accept(ours), connector.connect("localhost".try_into().unwrap(), theirs));
    assert!(accepted.is_err());
}

// Proves that no session is kept or resumed, no early data taken, and HTTP is the only protocol of an HTTP lane.
#[tokio::test]
async fn sessions_are_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("PRODUCTION");
    let tls = authority.server(folder.path(), Some(&authority));
    let config = server_config(&tls, Production, Speaks::Http).unwrap();
    assert_eq!((config.send_tls13_tickets, config.max_early_data_size), (0, 0));
    assert!(!config.session_storage.can_cache() && !config.ticketer.enabled());
    assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    let server = Server::from_config(&tls, Production, Speaks::Http).unwrap();
    let mut client =
        client_config(&authority.client(folder.path(), &authority, Some("egate")), Production).unwrap();
    client.alpn_protocols = vec![b"h2".to_vec()];
    assert!(shake(&server, client).await.is_err());
}

// Proves that a client that never ends its handshake is given up.
#[tokio::test(start_paused = true)]
async fn a_handshake_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Authority::new("PRODUCTION").server(folder.path(), None);
    let server = Server::from_config(&tls, Production, Speaks::Frames).unwrap();
    let (ours, _silent) = tokio::io::duplex(64);
    let error = server.accept(ours).await.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

// Proves that a certificate and its key are replaced one after the other without a word, that what stays unusable is told
// once, that what was there before stays in use, and that the way back is no change.
#[test]
fn files_are_replaced_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("PRODUCTION");
    let tls = authority.client(folder.path(), &authority, Some("egate"));
    let (cert, key) = (tls.cert_file.clone().unwrap(), tls.key_file.clone().unwrap());
    let (other_cert, other_key) = authority.issue("other").files(folder.path(), "other");
    let before = [&cert, &key].map(|file| fs::read(file).unwrap());
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let watched = WatchedClient::new(tls, Production).unwrap();
    let config = watched.config();
    let kept = |watched: &WatchedClient| Arc::ptr_eq(&config, &watched.config());
    assert!(matches!(watched.look(now), Looked::Nothing) && !watched.is_refusing());
    fs::copy(&other_cert, &cert).unwrap();
    assert!(matches!(watched.look(now), Looked::Nothing) && kept(&watched));
    let Looked::Refused(error) = watched.look(now) else { panic!("it is told at the second look") };
    assert_eq!(error.kind(), TlsErrorKind::Unusable);
    assert!(matches!(watched.look(now), Looked::Nothing) && watched.is_refusing() && kept(&watched));
    fs::write(&cert, &before[0]).unwrap();
    assert!(matches!(watched.look(now), Looked::Nothing) && !watched.is_refusing() && kept(&watched));
    fs::copy(&other_cert, &cert).unwrap();
    assert!(matches!(watched.look(now), Looked::Nothing));
    fs::copy(&other_key, &key).unwrap();
    assert!(matches!(watched.look(now), Looked::Replaced) && !kept(&watched));
    fs::remove_file(&key).unwrap();
    assert!(matches!(watched.look(now), Looked::Nothing));
    assert!(matches!(watched.look(now), Looked::Refused(error) if error.kind() == TlsErrorKind::Unreadable));
}
