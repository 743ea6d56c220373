//! A key server over mutual TLS.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postern_sdk::Environment::Training;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::*;
use super::sources::source;
use crate::config::file::ClientTls;
use crate::config::settings::{KeyFrom, KeyServer};
use crate::tls::testing::Authority;
use crate::tls::{Server, Speaks};

/// A server that gives these responses, one a connection and the last one for ever, to whoever shows a certificate.
async fn serving(tls: Server, responses: Vec<String>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok((mut stream, name)) = tls.accept(stream).await else { continue };
            assert_eq!(name.as_deref(), Some("airport"));
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            assert!(request.starts_with(b"GET /sites/airport HTTP/1.1\r\n"));
            let number = count.fetch_add(1, Ordering::Relaxed).min(responses.len() - 1);
            stream.write_all(responses[number].as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (port, asked)
}

fn response(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn server(port: u16, tls: ClientTls) -> KeyFrom {
    let (request_timeout, retry_max) = (Duration::from_secs(20), Duration::from_millis(1));
    let (host, path) = ("localhost".to_owned(), "/sites/airport".to_owned());
    KeyFrom::Server(KeyServer { host, port, path, tls, request_timeout, retry_max })
}

/// Server and client of one authority.
fn pki(folder: &Path) -> (Authority, Server, ClientTls) {
    let authority = Authority::new("TRAINING");
    let tls = authority.server(folder, Some(&authority));
    let server = Server::from_config(&tls, Training, Speaks::Http).unwrap();
    let client = authority.client(folder, &authority, Some("airport"));
    (authority, server, client)
}

// Proves that the key comes over mutual TLS, and that each answer that holds none is refused by name and asked again.
#[tokio::test]
async fn answers() {
    let folder = tempfile::tempdir().unwrap();
    let (_, tls, client) = pki(folder.path());
    let key = SiteKey::generate().unwrap();
    let responses = vec![
        response(200, &key.line().unwrap()),
        response(404, "no such site"),
        response(302, ""),
        response(200, "x25519-public:00"),
        response(200, ""),
        response(200, &"x".repeat(1 << 20)),
        "HTTP/1.1 200 x\r\ncontent-length: 79\r\n\r\nx25519-".to_owned(),
        "SSH-2.0-x\r\n".to_owned(),
    ];
    let (port, _) = serving(tls, responses).await;
    let source = source(server(port, client), false, folder.path(), None);
    assert_eq!(source.load().await.unwrap().public(), key.public());
    let expected = [
        "key_server_refused",
        "key_server_refused",
        "key_server_answer",
        "key_server_answer",
        "key_server_unavailable",
        "key_server_unavailable",
        "key_server_unavailable",
    ];
    for code in expected {
        let error = source.load().await.unwrap_err();
        assert_eq!((error.code(), error.passes()), (code, true), "{error}");
    }
}

// Proves that no key is asked of a server of another authority, and that a server gives none to who shows no certificate.
#[tokio::test]
async fn strangers() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, tls, client) = pki(folder.path());
    let key = SiteKey::generate().unwrap();
    let (port, asked) = serving(tls, vec![response(200, &key.line().unwrap())]).await;
    let other = Authority::new("OTHER");
    let nameless = authority.client(folder.path(), &authority, None);
    let of_other = other.client(folder.path(), &authority, Some("airport"));
    let trusts_other = ClientTls { ca_file: other.file(folder.path()), ..client.clone() };
    for tls in [nameless, of_other, trusts_other] {
        let error = source(server(port, tls), false, folder.path(), None).load().await.unwrap_err();
        assert_eq!(error.code(), "key_server_unavailable", "{error}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let missing = ClientTls { key_file: Some(folder.path().join("none")), ..client };
    let error = source(server(port, missing), false, folder.path(), None).load().await.unwrap_err();
    assert_eq!((error.code(), error.passes()), ("key_server_tls", false));
}

// Proves that a server that fails is asked again until it gives the key, and then no more.
#[tokio::test]
async fn asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_, tls, client) = pki(folder.path());
    let key = SiteKey::generate().unwrap();
    let responses = vec![response(503, ""), response(404, ""), response(200, &key.line().unwrap())];
    let (port, asked) = serving(tls, responses).await;
    let vault = Vault::locked();
    source(server(port, client), false, folder.path(), None).keep_asking(&vault).await;
    assert_eq!(vault.site_key().unwrap().public(), key.public());
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}
