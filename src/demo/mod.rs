//! `postern demo`: a small world that shows what Postern is for.
//!
//! A copy is built, a simulator stands in for INTERPOL, and a daemon runs between them and the national systems, all real
//! and over real sockets. The link goes down and comes back; every answer is held against what the data must give, and at
//! the end the journal is read to count where the answers came from. Phases end when their questions are answered, not
//! after a time, so the result does not depend on the machine's speed.

mod scene;
mod show;
mod summary;
mod traffic;
mod traveller;
mod world;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::Clock;
use crate::config;
use crate::console::Prometheus;
use crate::daemon::Daemon;
use crate::find::Profile;
use crate::http_client::{self, Ask};
use crate::sim::feed;
use crate::sim::{Faults, Outage, RunningSim, SimOptions, SimRecords, Simulator};

use scene::{Cast, Link};
use show::Show;
use summary::Summary;
use traffic::{Lanes, Tally, ask_all};
use world::{Failure, World};

/// Questions of each phase.
const QUESTIONS: u64 = 12_000;
/// Askers at once: e-gates and booths.
const ASKERS: usize = 8;
/// How long FIND may take to be asked again after the link is back.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// The console's address, if it is free.
const CONSOLE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8088);

/// How the demo runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many synthetic documents the copy holds.
    pub records: u64,
    /// The seed of everything synthetic.
    pub seed: u64,
    /// Where everything is kept; none: a temporary folder.
    pub folder: Option<PathBuf>,
    /// Whether to end after the summary.
    pub once: bool,
}

/// Runs the demo, and says whether every answer was right.
///
/// # Errors
/// If the world can't be built or the daemon not started.
pub async fn run(options: Options, metrics: Prometheus) -> Result<bool, Failure> {
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let clock = Clock::system();
    let show = Show::new();
    let (world, cast, sim) = build(&options, &folder, &clock, &show).await?;
    let config = config::load(&world.config).map_err(|problems| told(&problems))?;
    let journal = config.journal.folder.clone();
    let daemon = Daemon::start(config, clock, metrics).await?;
    show.running(&daemon, &sim);
    let tally = play(&daemon, &sim, &cast, &show).await?;
    let summary = Summary::of(&journal, &tally)?;
    show.summary(&summary);
    if !options.once {
        show.console(daemon.console());
        tokio::signal::ctrl_c().await?;
    }
    daemon.stop().await;
    sim.shutdown().await;
    Ok(summary.is_right())
}

fn told(problems: &[config::Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

async fn build(
    options: &Options,
    folder: &std::path::Path,
    clock: &Clock,
    show: &Show,
) -> Result<(World, Cast, RunningSim), Failure> {
    let world = World::new(folder)?;
    let feed = feed::generate(options.records, options.seed);
    show.building(options.records, &world.folder);
    let manifest = world.build_copy(&feed, clock, |progress| show.progress(progress))?;
    show.copy(&manifest);
    let people = SimRecords::from_documents(Vec::new()).with_nominals(options.seed, 200);
    let cast = Cast::of(&feed, options.records, people.nominals().to_vec());
    let records = SimRecords::from_csv(std::fs::File::open(&world.feed)?)?
        .and_documents(cast.news.clone())
        .with_nominals(options.seed, 200);
    let sim = Simulator::start(SimOptions {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        admin_listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        tls: None,
        records: Arc::new(records),
        seed: options.seed,
        profile: Arc::new(Profile::built_in()),
        clock: clock.clone(),
    })
    .await?;
    world.configure(sim.addr, console_address(), clock)?;
    Ok((world, cast, sim))
}

/// The usual address of the console, or any if somebody has it.
fn console_address() -> SocketAddr {
    match TcpListener::bind(CONSOLE) {
        Ok(_) => CONSOLE,
        Err(_) => (Ipv4Addr::LOCALHOST, 0).into(),
    }
}

/// The play in three acts: the link is up, down, and up again.
async fn play(daemon: &Daemon, sim: &RunningSim, cast: &Cast, show: &Show) -> Result<Arc<Tally>, Failure> {
    let address = |lane: &str| daemon.addresses().get(lane).copied().ok_or("the demo's config lacks a lane");
    let lanes = Lanes { gates: address("egates")?, booths: address("booths")? };
    let tally = Arc::new(Tally::default());
    let act = async |name: &str, link: Link| {
        let questions = Arc::new(cast.questions(QUESTIONS, link));
        show.act(name, questions.len());
        let asked = ask_all(lanes, Arc::clone(&questions), ASKERS, Arc::clone(&tally));
        show.while_running(daemon, &tally, asked).await;
    };
    act("The link is up: INTERPOL is asked", Link::Up).await;
    sim.set_faults(Faults { outage: Some(Outage::Refuse), ..Faults::default() })?;
    act("The link is down: the copy answers", Link::Down).await;
    sim.set_faults(Faults::default())?;
    show.line("The link is back; waiting until the breaker lets FIND be asked again");
    recover(daemon).await?;
    act("The link is up again", Link::Up).await;
    Ok(tally)
}

/// Waits until every service of FIND is asked again. The daemon tries by itself only when it is asked something, so a
/// booth asks.
async fn recover(daemon: &Daemon) -> Result<(), Failure> {
    let booths = daemon.addresses().get("booths").copied().ok_or("the demo's config lacks a lane")?;
    let recovered = async {
        let question = r#"{"context":{"end_user":"officer-17"},"subjects":[
            {"kind":"travel_document","number":"0X0000001","issuer":"D","type":"PAS"},
            {"kind":"person","primary_name":"NOBODY","birth":"1980-05-17"}]}"#;
        while !daemon.find_is_asked() {
            http_client::ask(booths, Ask::post("/v1/screenings", question)).await?;
        }
        std::io::Result::Ok(())
    };
    Ok(tokio::time::timeout(RECOVERY_MAX, recovered).await??)
}

impl Tally {
    fn load(&self) -> [u64; 5] {
        [&self.right, &self.hits, &self.false_clear, &self.wrong, &self.lost]
            .map(|count| count.load(Ordering::Relaxed))
    }
}
