//! `ballotbox probe`: who leads a running ensemble, and what each of its servers believes.

mod render;
mod tls;
mod watch;

use std::{io::Write, path::PathBuf, time::Duration};

use async_std::task::block_on;
use ballotbox::{
    Endpoint, EndpointError,
    membership::config_text::ConfigText,
    network::Tls,
    probe::{Answer, NoAnswer, ProbeReport, Target, ask_all},
    zoo_cfg::ZooCfg,
};
use structopt::StructOpt;

use self::tls::TlsArgs;
use super::{ExitCode, Failure, duration, screen};

/// More servers than this are no ensemble.
const TARGETS_MAX: usize = 255;

/// Asks a running ensemble, ZooKeeper's or ours, who leads
///
/// It connects to the election port of each server, under an id that nobody has, asks, and goes. It takes no part in
/// elections. Exits with 0 if a quorum agrees on a leader that itself says it leads, and with 1 otherwise.
#[derive(Debug, StructOpt)]
#[structopt(usage = "ballotbox probe [OPTIONS] (<HOST:PORT,…> | --config <zoo.cfg>)")]
pub(super) struct ProbeArgs {
    /// The election addresses of the servers, with commas between them
    #[structopt(
        name = "HOST:PORT,…",
        required_unless = "config",
        conflicts_with = "config",
        parse(try_from_str = endpoints)
    )]
    servers: Option<Endpoints>,
    /// The zoo.cfg of a server of the ensemble
    #[structopt(long, value_name = "zoo.cfg", parse(from_os_str))]
    config: Option<PathBuf>,
    #[structopt(flatten)]
    tls: TlsArgs,
    /// Waits for each server no longer than this
    #[structopt(long, value_name = "TIME", default_value = "2s", parse(try_from_str = duration::parse))]
    deadline: Duration,
    /// With --watch, asks this often
    #[structopt(long, value_name = "TIME", default_value = "1s", parse(try_from_str = duration::parse))]
    every: Duration,
    /// Prints JSON
    #[structopt(long)]
    json: bool,
    /// Asks again and again, and prints a line for each change, until SIGINT
    #[structopt(long)]
    watch: bool,
}

/// Addresses as given.
#[derive(Clone, Debug)]
struct Endpoints(Vec<Endpoint>);

fn endpoints(text: &str) -> Result<Endpoints, String> {
    let mut found = Vec::new();
    for part in text.split(',') {
        let endpoint: Endpoint =
            part.trim().parse().map_err(|error: EndpointError| error.to_string())?;
        if !found.contains(&endpoint) {
            found.push(endpoint);
        }
    }
    if found.len() > TARGETS_MAX {
        return Err(format!("{} servers: expected at most {TARGETS_MAX}", found.len()));
    }
    Ok(Endpoints(found))
}

pub(super) fn run(args: &ProbeArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let ensemble = Ensemble::read(args)?;
    let report = if args.watch {
        watch::run(&ensemble, args, out)?
    } else {
        let report = block_on(ensemble.ask(args.deadline));
        if args.json {
            render::json(&report, out)?;
        } else {
            render::table(&report, out)?;
        }
        report
    };
    Ok(if report.leader.is_some() { ExitCode::Done } else { ExitCode::No })
}

/// Whom to ask, and what they should be.
#[derive(Debug)]
struct Ensemble {
    targets: Vec<Target>,
    list: Option<ConfigText>,
    /// What is spoken; `None` for plain text.
    tls: Option<Tls>,
}

impl Ensemble {
    fn read(args: &ProbeArgs) -> Result<Self, Failure> {
        if let Some(path) = &args.config {
            let ZooCfg { config: list, membership, tls, warnings, .. } = ZooCfg::read(path)?;
            let mut warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
            let tls = args.tls.among(&membership, tls, &mut warnings)?;
            warn(&warnings, args);
            let target = |(id, line): (&_, &ballotbox::membership::config_text::ServerLine)| {
                Target { id: Some(*id), endpoints: line.election.clone() }
            };
            return Ok(Self {
                targets: list.servers.iter().map(target).collect(),
                list: Some(list),
                tls: tls.map(|tls| tls.connections().clone()),
            });
        }
        let endpoints = args.servers.iter().flat_map(|endpoints| &endpoints.0);
        let target = |endpoint: &Endpoint| Target { id: None, endpoints: vec![endpoint.clone()] };
        let mut warnings = Vec::new();
        let tls = args.tls.of_anybody(&mut warnings)?;
        warn(&warnings, args);
        Ok(Self {
            targets: endpoints.map(target).collect(),
            list: None,
            tls: tls.map(|tls| tls.connections().clone()),
        })
    }

    async fn ask(&self, limit: Duration) -> ProbeReport {
        self.judge(ask_all(&self.targets, self.tls.as_ref(), limit).await)
    }

    fn judge(&self, answers: Vec<Result<Answer, NoAnswer>>) -> ProbeReport {
        ProbeReport::new(&self.targets, answers, self.list.as_ref())
    }
}

fn warn(warnings: &[String], args: &ProbeArgs) {
    for warning in warnings {
        screen::warn(warning, args.json);
    }
}
