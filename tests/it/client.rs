//! The national systems of the tests: an e-gate over TCP, and HTTP/1.1 as raw as it goes over the wire.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use postern_formats::mrz::check_digit;
use serde_json::{Value, json};

/// How long a client waits for bytes before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);
const STX: u8 = 2;
const ETX: u8 = 3;

/// The zone of a passport (TD3), its two lines joined. The number has at most nine characters.
pub(crate) fn zone(number: &str, issuer: &str, name: &str) -> String {
    let digit = |field: &str| check_digit(field.as_bytes()).map_or('<', char::from);
    let (birth, expiry, optional) = ("740812", "340415", "<".repeat(14));
    let number = format!("{number:<<9}");
    let fields = [&*number, birth, expiry, &*optional].map(|field| format!("{field}{}", digit(field)));
    let composite = digit(&fields.concat());
    let [number, birth, expiry, optional] = fields;
    let upper = format!("P<{issuer:<<3}{name}");
    format!("{upper:<<44}{number}{issuer:<<3}{birth}F{expiry}{optional}{composite}")
}

/// A number of nine characters of a shape that no row of the feed has: a digit, a letter, digits.
pub(crate) fn absent(n: u64) -> String {
    format!("{}X{:07}", n % 10, n / 10 % 10_000_000)
}

/// A zone of a passport that is in no feed.
pub(crate) fn absent_zone(n: u64) -> String {
    zone(&absent(n), "D", "SPECIMEN<<JO")
}

/// A JSON question about a document.
pub(crate) fn document(number: &str, issuer: &str, doc_type: &str) -> Value {
    json!({
        "version": 1,
        "context": { "end_user": "officer-17" },
        "subjects": [{ "kind": "travel_document", "number": number, "issuer": issuer, "type": doc_type }],
    })
}

/// A connected stream that gives up after a while.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// An e-gate whose frames stand between STX and ETX.
pub(crate) struct Gate {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Gate {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let writer = connect(address)?;
        Ok(Self { reader: BufReader::new(writer.try_clone()?), writer })
    }

    /// Sends a question with a request id.
    pub(crate) fn send(&mut self, id: &str, zone: &str) -> io::Result<()> {
        let mut frame = vec![STX];
        frame.extend_from_slice(format!("#{id};{zone}").as_bytes());
        frame.push(ETX);
        self.writer.write_all(&frame)
    }

    /// The next whole reply, without its frame.
    pub(crate) fn receive(&mut self) -> io::Result<String> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        assert_eq!(byte[0], STX);
        let mut reply = Vec::new();
        loop {
            self.reader.read_exact(&mut byte)?;
            if byte[0] == ETX {
                return String::from_utf8(reply).map_err(io::Error::other);
            }
            reply.push(byte[0]);
        }
    }

    /// Asks, and waits for the reply.
    pub(crate) fn ask(&mut self, id: &str, zone: &str) -> io::Result<String> {
        self.send(id, zone)?;
        self.receive()
    }
}

/// What stands at a place of a reply line: 1 the request id, 2 the gate, 3 the reference, 4 as-of.
pub(crate) fn field(line: &str, place: usize) -> &str {
    line.split(';').nth(place).unwrap_or_default()
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A header's value; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next()
            .unwrap_or("")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn read(mut stream: impl Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let cut = |text: &str| io::Error::other(format!("the response is cut: {text}"));
        let split = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| cut("head"))?;
        let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let response =
            Self { status: status.ok_or_else(|| cut("status"))?, head, body: bytes.split_off(split + 4) };
        let length = response.header("content-length").parse().unwrap_or(0);
        if response.body.len() == length { Ok(response) } else { Err(cut("body")) }
    }
}

/// One request on a connection of its own.
pub(crate) fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    http_over(connect(address)?, method, path, headers, body)
}

/// One request over a stream.
pub(crate) fn http_over(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let length = body.len();
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: postern\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {length}\r\n\r\n");
    stream.write_all(&[request.as_bytes(), body].concat())?;
    Response::read(stream)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Response> {
    http(address, "GET", path, &[], b"")
}

/// Posts a question, with a sender's id if one is given.
pub(crate) fn screen(address: SocketAddr, id: Option<&str>, question: &Value) -> io::Result<Response> {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(id.map(|id| ("idempotency-key", id)));
    http(address, "POST", "/v1/screenings", &headers, question.to_string().as_bytes())
}
