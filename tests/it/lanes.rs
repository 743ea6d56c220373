//! Lanes of the built binary: who is let in, how frames are told apart, and that nobody hurts his neighbour.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use postern::config::file::ClientTls;
use postern::tls::client_config;
use postern_sdk::Environment;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{ClientConnection, StreamOwned};

use crate::client::{Gate, absent_zone, connect, document, field, get, http_over, zone};
use crate::world::{Daemon, Setup, World, until};

const CONTEXT: &str = r#"context = { agency = "Border Guard", end_user = "e-gate", site = "ZZA-T1", purpose = "border_control" }
deadline_ms = 20000
adapter = "mrz"
policy = "documents"
listen = "127.0.0.1:0"
"#;

/// How the bytes of a frame stand on the wire.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Line,
    StxEtx,
    Length2,
    Length4,
}

impl Framing {
    const ALL: [Self; 4] = [Self::Line, Self::StxEtx, Self::Length2, Self::Length4];

    fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::StxEtx => "stx_etx",
            Self::Length2 => "length2",
            Self::Length4 => "length4",
        }
    }

    fn frame(self, bytes: &str) -> Vec<u8> {
        match self {
            Self::Line => format!("{bytes}\n").into_bytes(),
            Self::StxEtx => format!("\u{2}{bytes}\u{3}").into_bytes(),
            Self::Length2 => [&(bytes.len() as u16).to_be_bytes(), bytes.as_bytes()].concat(),
            Self::Length4 => [&(bytes.len() as u32).to_be_bytes(), bytes.as_bytes()].concat(),
        }
    }

    /// Reads one frame's content.
    fn read(self, stream: &mut impl Read) -> io::Result<String> {
        let mut bytes = Vec::new();
        let (begin, end) = match self {
            Self::Line => (0, b'\n'),
            Self::StxEtx => (1, 3),
            Self::Length2 => return sized(stream, 2),
            Self::Length4 => return sized(stream, 4),
        };
        loop {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            if byte[0] == end {
                return String::from_utf8(bytes.split_off(begin)).map_err(io::Error::other);
            }
            bytes.push(byte[0]);
        }
    }
}

fn sized(stream: &mut impl Read, prefix: usize) -> io::Result<String> {
    let mut length = [0; 4];
    stream.read_exact(&mut length[4 - prefix..])?;
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

// Proves that each framing carries questions and answers, several in one write, and that a reported passport is referred.
#[test]
fn every_framing_answers() {
    let world = World::new();
    let lane = |framing: Framing| {
        let name = framing.name();
        format!("[lane.f-{name}]\ntransport = \"tcp\"\nframing = \"{name}\"\nclient = \"egates\"\n{CONTEXT}")
    };
    let daemon = world.start(&Setup { more: Framing::ALL.map(lane).join("\n"), ..Setup::default() });
    let stolen = world.stolen().next().unwrap();
    for framing in Framing::ALL {
        let mut stream = connect(daemon.lane(&format!("f-{}", framing.name()))).unwrap();
        let reported = zone(&stolen.number, stolen.issuer.as_str(), "X<<Y");
        let clear = framing.frame(&format!("#{framing:?}-1;{}", absent_zone(1)));
        let reported = framing.frame(&format!("#{framing:?}-2;{reported}"));
        stream.write_all(&[clear, reported].concat()).unwrap();
        for (id, gate) in [(1, "continue"), (2, "refer")] {
            let reply = framing.read(&mut stream).unwrap();
            assert_eq!(
                (field(&reply, 1), field(&reply, 2)),
                (&*format!("{framing:?}-{id}"), gate),
                "{reply}"
            );
        }
    }
}

/// A certificate authority of the tests.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(world: &World, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let file = world.write(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        Self { issuer: Issuer::new(params, key), file }
    }

    /// The files of a certificate of this common name, and of its key.
    fn issue(&self, world: &World, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let unique = format!("{name}-{}", self.file.file_stem().unwrap().to_string_lossy());
        let key = world.write(&format!("{unique}.key"), &key.serialize_pem());
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        (world.write(&format!("{unique}.pem"), &certificate), key)
    }
}

type Secured = StreamOwned<ClientConnection, TcpStream>;

/// A connection to a lane, with a certificate or without one.
fn secured(address: SocketAddr, server: &Authority, files: Option<(PathBuf, PathBuf)>) -> Secured {
    let (cert_file, key_file) = files.unzip();
    let tls = ClientTls { ca_file: server.file.clone(), crl_files: Vec::new(), cert_file, key_file };
    let config = client_config(&tls, Environment::Training).unwrap();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    StreamOwned::new(connection, connect(address).unwrap())
}

fn ask(stream: &mut Secured, id: &str) -> io::Result<String> {
    stream.write_all(&Framing::Length4.frame(&format!("#{id};{}", absent_zone(5))))?;
    Framing::Length4.read(stream)
}

/// A metric's value, summed over its series that hold a text.
fn metric(daemon: &Daemon, name: &str, label: &str) -> f64 {
    let metrics = get(daemon.console(), "/metrics").unwrap().text();
    let series = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

// Proves mutual TLS from end to end, over TCP and HTTP: the certificate names the client and its grant decides; who has no
// certificate, or one of a foreign authority, gets no answer; who has no grant is refused in the native form.
#[test]
fn certificates_name_clients() {
    let world = World::new();
    let (ours, foreign) = (Authority::new(&world, "ours"), Authority::new(&world, "foreign"));
    let (cert, key) = ours.issue(&world, "server");
    let tls =
        format!("tls = {{ cert_file = {cert:?}, key_file = {key:?}, client_ca_file = {:?} }}\n", ours.file);
    let tcp = format!("[lane.mtls]\ntransport = \"tcp\"\nframing = \"length4\"\n{CONTEXT}{tls}");
    let http = CONTEXT.replace("\"mrz\"", "\"json\"");
    let http = format!("[lane.https]\ntransport = \"http\"\nview = \"full\"\n{http}{tls}");
    let daemon = world.start(&Setup { more: tcp + &http, ..Setup::default() });
    let address = daemon.lane("mtls");
    let good = ours.issue(&world, "egates");

    let mut granted = secured(address, &ours, Some(good.clone()));
    let reply = ask(&mut granted, "m1").unwrap();
    assert_eq!((field(&reply, 1), field(&reply, 2)), ("m1", "continue"), "{reply}");

    let mut stranger = secured(address, &ours, Some(ours.issue(&world, "stranger")));
    let reply = ask(&mut stranger, "m2").unwrap();
    assert_eq!((field(&reply, 1), field(&reply, 2), field(&reply, 4)), ("m2", "refer", "-"), "{reply}");
    until("the denial in the log", || {
        let denied = |line: &str| line.contains("A client was denied.") && line.contains("stranger");
        daemon.log().lines().any(denied).then_some(())
    });

    assert!(ask(&mut secured(address, &ours, None), "m3").is_err());
    let foreigner = foreign.issue(&world, "egates");
    assert!(ask(&mut secured(address, &ours, Some(foreigner)), "m4").is_err());
    assert!(TcpStream::connect(address).unwrap().write_all(b"\x00\x00\x00\x04spam").is_ok());
    until("failed handshakes in the metrics", || {
        (metric(&daemon, "postern_lane_faults_total", "lane=\"mtls\"") >= 3.0).then_some(())
    });
    assert_eq!(field(&ask(&mut granted, "m5").unwrap(), 2), "continue");

    let question = document("1X0000001", "D", "PAS").to_string();
    let json = [("content-type", "application/json")];
    let post = |name: &str| {
        let stream = secured(daemon.lane("https"), &ours, Some(ours.issue(&world, name)));
        http_over(stream, "POST", "/v1/screenings", &json, question.as_bytes()).unwrap()
    };
    assert_eq!((post("egates").status, post("stranger").status), (200, 403));
}

// Proves that clients who drip bytes, never finish, send no frames or do not read leave a good client's answers alone; that
// a slow frame is answered when it comes in time, and refused when it does not.
#[test]
fn bad_clients_hurt_nobody() {
    let world = World::new();
    let lane = "[lane.strict]\ntransport = \"tcp\"\nframing = \"stx_etx\"\nclient = \"egates\"\n";
    let limits = "limits = { frame_timeout_ms = 400, connections_max = 8 }\n";
    let daemon = world.start(&Setup { more: format!("{lane}{CONTEXT}{limits}"), ..Setup::default() });
    let mut good = Gate::connect(daemon.lane("egates")).unwrap();
    let mut slow = connect(daemon.lane("egates")).unwrap();
    let mut unread = Gate::connect(daemon.lane("egates")).unwrap();
    let mut unfinished = connect(daemon.lane("strict")).unwrap();
    unfinished.write_all(b"\x02P<UTO").unwrap();
    for n in 0..64 {
        unread.send(&format!("u{n}"), &absent_zone(900 + n)).unwrap();
    }
    let drip = Framing::StxEtx.frame(&format!("#slow;{}", absent_zone(77)));
    let mut drops = drip.chunks(drip.len().div_ceil(20));
    for n in 0..20 {
        let mut garbage = connect(daemon.lane("egates")).unwrap();
        garbage.write_all(&[0xff; 4_000]).unwrap();
        if let Some(drop) = drops.next() {
            slow.write_all(drop).unwrap();
        }
        let reply = good.ask(&format!("good-{n}"), &absent_zone(n)).unwrap();
        assert_eq!((field(&reply, 1), field(&reply, 2)), (&*format!("good-{n}"), "continue"), "{reply}");
        let refused = Framing::StxEtx.read(&mut garbage).unwrap();
        assert_eq!((field(&refused, 1), field(&refused, 2)), ("-", "refer"), "{refused}");
    }
    let reply = Framing::StxEtx.read(&mut slow).unwrap();
    assert_eq!((field(&reply, 1), field(&reply, 2)), ("slow", "continue"), "{reply}");
    let refused = Framing::StxEtx.read(&mut unfinished).unwrap();
    assert_eq!((field(&refused, 2), field(&refused, 4)), ("refer", "-"), "{refused}");
    assert_eq!(unfinished.read(&mut [0]).unwrap(), 0, "closed after the refusal");
    for n in 0..64 {
        assert_eq!(field(&unread.receive().unwrap(), 1), format!("u{n}"));
    }
}
