//! `postern query`: one question from a terminal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clap::{Args, Subcommand};
use postern_formats::mrz;
use postern_sdk::{DocumentKey, DocumentNumber, Environment, QueryKey};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Exit, Place, complain, say};
use crate::config::file::ClientTls;
use crate::http_client::{self, Ask};
use crate::mind::Dataset;
use crate::tls;

/// Asks a running daemon or a copy.
#[derive(Clone, Debug, Args)]
#[command(after_help = "A command line can be seen by other users and stays in the shell's history: \
                        write - in place of a number, name or zone to give it on standard input.")]
pub struct Query {
    /// Who is asked
    #[command(flatten)]
    pub target: Target,
    /// Who asks, where and why
    #[command(flatten)]
    pub context: QueryContext,
    /// What is asked about
    #[command(subcommand)]
    pub asked: Asked,
}

/// Who is asked.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// A daemon's JSON lane: http://host:port or https://host:port
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The folder of a copy, which is opened and asked without a daemon
    #[arg(long, value_name = "FOLDER")]
    pub copy: Option<PathBuf>,
}

/// Who asks, where and why, as far as the daemon's lane does not supply it.
#[derive(Clone, Debug, Args)]
pub struct QueryContext {
    /// The file that holds the client's token, for a daemon
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The authority of the daemon's certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The root that the copy's states must be signed under
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// The file with the site's private key, which opens the copy
    #[arg(long, value_name = "FILE")]
    pub site_key: Option<PathBuf>,
    /// The authority on whose behalf is asked
    #[arg(long)]
    pub agency: Option<String>,
    /// The officer or device that asks
    #[arg(long)]
    pub end_user: Option<String>,
    /// The border crossing point, port or office
    #[arg(long)]
    pub site: Option<String>,
    /// Why is asked, as a code of the grant
    #[arg(long)]
    pub purpose: Option<String>,
}

/// What is asked about.
#[derive(Clone, Debug, Subcommand)]
pub enum Asked {
    /// The document and person of a machine-readable zone
    Mrz {
        /// The lines of the zone, or - for standard input
        #[arg(required = true, num_args = 1..=3, allow_hyphen_values = true)]
        lines: Vec<String>,
    },
    /// A travel document
    Document(DocumentArgs),
    /// A person
    Person(PersonArgs),
    /// A vehicle
    Vehicle(VehicleArgs),
}

/// A travel document.
#[derive(Clone, Debug, Args)]
pub struct DocumentArgs {
    /// Its number, or - for standard input
    #[arg(allow_hyphen_values = true)]
    pub number: String,
    /// Its issuing state: three letters, or D
    #[arg(long, value_name = "STATE")]
    pub issuer: Option<String>,
    /// Its type: INTERPOL's code of three letters, or P, I, V for any passport, identity document, visa
    #[arg(long = "type", value_name = "TYPE")]
    pub doc_type: Option<String>,
}

/// A person.
#[derive(Clone, Debug, Args)]
pub struct PersonArgs {
    /// The surname, or - for standard input
    #[arg(allow_hyphen_values = true)]
    pub surname: String,
    /// The given names
    #[arg(long, value_name = "NAMES")]
    pub given: Option<String>,
    /// The date of birth: YYYY-MM-DD, with XX for what is not known
    #[arg(long, value_name = "DATE")]
    pub birth: Option<String>,
    /// The nationality: three letters, or D
    #[arg(long, value_name = "STATE")]
    pub nationality: Option<String>,
}

/// A vehicle.
#[derive(Clone, Debug, Args)]
#[group(id = "vehicle", required = true, multiple = true)]
pub struct VehicleArgs {
    /// The vehicle identification number, or - for standard input
    #[arg(long, allow_hyphen_values = true)]
    pub vin: Option<String>,
    /// The registration mark, or - for standard input
    #[arg(long, allow_hyphen_values = true)]
    pub plate: Option<String>,
    /// The country of registration
    #[arg(long, value_name = "STATE", requires = "plate")]
    pub country: Option<String>,
}

/// Asks, and writes the outcome: 0 if it is complete, 1 if something was not checked, 69 if nobody answered.
pub(super) fn run(args: &Query) -> Exit {
    let asked = match (&args.target.url, &args.target.copy) {
        (Some(url), _) => ask_daemon(args, url),
        (None, Some(folder)) => ask_copy(args, folder),
        (None, None) => return Exit::Usage,
    };
    asked.unwrap_or_else(|wrong| {
        complain(wrong.text);
        wrong.exit
    })
}

/// Why nothing was asked, or nothing came.
struct Wrong {
    exit: Exit,
    text: String,
}

impl Wrong {
    fn usage(text: impl std::fmt::Display) -> Self {
        Self { exit: Exit::Usage, text: text.to_string() }
    }

    fn unavailable(text: impl std::fmt::Display) -> Self {
        Self { exit: Exit::Unavailable, text: text.to_string() }
    }
}

fn given(argument: &str) -> Result<String, Wrong> {
    super::given(argument).map_err(|exit| Wrong { exit, text: "nothing was given".to_owned() })
}

/// Opens the copy and looks the document up.
fn ask_copy(args: &Query, folder: &Path) -> Result<Exit, Wrong> {
    let root = args.context.root.clone().ok_or_else(|| Wrong::usage("--copy needs --root"))?;
    let place = Place { folder: folder.to_owned(), root, site_key: args.context.site_key.clone() };
    let copy = place.open(Dataset::Documents, None).map_err(Wrong::usage)?;
    let document = match &args.asked {
        Asked::Document(document) => DocumentKey {
            number: DocumentNumber::normalise(&given(&document.number)?).map_err(Wrong::usage)?,
            issuer: document.issuer.as_deref().map(str::parse).transpose().map_err(Wrong::usage)?,
            doc_type: document.doc_type.as_deref().map(str::parse).transpose().map_err(Wrong::usage)?,
        },
        Asked::Mrz { lines } => {
            let zone = given(&lines.join("\n"))?;
            let zone = mrz::parse(zone.as_bytes())
                .map_err(|error| Wrong::usage(format_args!("{} at byte {}", error.code(), error.offset())))?;
            let document = mrz::travel_document(&zone);
            let number = document.number.ok_or_else(|| Wrong::usage("the zone holds no document number"))?;
            DocumentKey { number, issuer: document.issuer, doc_type: document.doc_type }
        }
        _ => return Err(Wrong::usage("a copy holds documents only: ask a daemon")),
    };
    Ok(super::mind::tell_answers(&copy, &QueryKey::Document(document)))
}

/// Posts the question to a daemon's JSON lane.
fn ask_daemon(args: &Query, url: &str) -> Result<Exit, Wrong> {
    let document =
        json!({ "version": 1, "context": args.context.to_json(), "subjects": [args.asked.to_json()?] });
    let token = match &args.context.token_file {
        Some(file) => Some(std::fs::read_to_string(file).map_err(Wrong::usage)?),
        None => None,
    };
    let runtime = super::runtime(1).map_err(|exit| Wrong { exit, text: String::new() })?;
    let ask =
        Ask { token: token.as_deref().map(str::trim), ..Ask::post("/v1/screenings", document.to_string()) };
    let (status, body) = runtime.block_on(post(url, args.context.ca_file.as_deref(), ask))?;
    say(String::from_utf8_lossy(&body));
    if status != 200 {
        return Ok(Exit::Unavailable);
    }
    let response: Value = serde_json::from_slice(&body).map_err(Wrong::unavailable)?;
    let outcomes = response["outcomes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let asked = outcomes.iter().filter(|outcome| outcome["outside_policy"] != true);
    // Below the view `class` completeness is not told: a continue is complete by definition.
    let complete = |outcome: &Value| outcome["complete"] == true || outcome["gate"] == "continue";
    Ok(if asked.clone().count() > 0 && asked.into_iter().all(complete) { Exit::Ok } else { Exit::Found })
}

async fn post(url: &str, ca_file: Option<&Path>, ask: Ask<'_>) -> Result<(u16, Bytes), Wrong> {
    let (scheme, authority) =
        url.split_once("://").ok_or_else(|| Wrong::usage("the URL is http:// or https://"))?;
    let authority = authority.trim_end_matches('/');
    let stream = TcpStream::connect(authority).await.map_err(Wrong::unavailable)?;
    let answered = match scheme {
        "http" => http_client::ask_over(stream, authority, ask).await,
        "https" => http_client::ask_over(secured(stream, authority, ca_file).await?, authority, ask).await,
        _ => return Err(Wrong::usage("the URL is http:// or https://")),
    };
    answered.map_err(Wrong::unavailable)
}

async fn secured(
    stream: TcpStream,
    authority: &str,
    ca_file: Option<&Path>,
) -> Result<TlsStream<TcpStream>, Wrong> {
    let ca_file =
        ca_file.ok_or_else(|| Wrong::usage("https:// needs --ca-file: no public authority is trusted"))?;
    let files =
        ClientTls { ca_file: ca_file.to_owned(), crl_files: Vec::new(), cert_file: None, key_file: None };
    let config = tls::client_config(&files, Environment::Training).map_err(Wrong::usage)?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(Wrong::usage)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(Wrong::unavailable)
}

impl QueryContext {
    fn to_json(&self) -> Value {
        without_nulls(json!({
            "agency": self.agency,
            "end_user": self.end_user,
            "site": self.site,
            "purpose": self.purpose,
        }))
    }
}

impl Asked {
    fn to_json(&self) -> Result<Value, Wrong> {
        let subject = match self {
            Self::Mrz { lines } => json!({ "kind": "mrz", "lines": given(&lines.join("\n"))? }),
            Self::Document(document) => json!({
                "kind": "travel_document",
                "number": given(&document.number)?,
                "issuer": document.issuer,
                "type": document.doc_type,
            }),
            Self::Person(person) => json!({
                "kind": "person",
                "primary_name": given(&person.surname)?,
                "secondary_name": person.given,
                "birth": person.birth,
                "nationality": person.nationality,
            }),
            Self::Vehicle(vehicle) => json!({
                "kind": "vehicle",
                "vin": vehicle.vin.as_deref().map(given).transpose()?,
                "plate": vehicle.plate.as_deref().map(given).transpose()?,
                "country": vehicle.country,
            }),
        };
        Ok(without_nulls(subject))
    }
}

/// What was not given is left out.
fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}
