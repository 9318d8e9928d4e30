//! `ballotbox node`: one member of an ensemble, until it is told to stop.

mod absence;
mod config;
mod event;
mod event_filter;
mod gate;
mod hooks;
mod output;
mod reader;
mod remark;
mod running;
mod serve;
mod signals;
mod status_port;
mod stream;
mod systemd;
mod tls;
mod work;

use std::{ffi::OsString, io, path::PathBuf, time::Duration};

use ballotbox::{
    Epoch, NodeError, ServerId, UntrustedText,
    leadership::EPOCH_MAX,
    run::{GuardProcess, end_left_overs},
};
use ballotbox_actors::kit::on_this_thread;
use ballotbox_core::whole_number;
use structopt::StructOpt;

use self::{
    output::Output, serve::serve, signals::Signals, status_port::StatusArgs, tls::TlsArgs,
    work::WorkArgs,
};
use super::{ExitCode, Failure, descriptors, duration, input};

/// Both ways to say which member a node is.
const USAGE: &str = "ballotbox node --id <ID> --votes <VOTES.json> [OPTIONS] [-- <CMD>...]
    ballotbox node --config <zoo.cfg> [--id <ID>] [OPTIONS] [-- <CMD>...]";

/// Runs one member of an ensemble, until SIGINT, SIGTERM or SIGHUP
#[derive(Debug, StructOpt)]
#[structopt(usage = USAGE)]
pub(super) struct NodeArgs {
    /// Which member this is; with --config it may be left out, as the file `myid` says it, too
    #[structopt(
        long,
        value_name = "ID",
        env = "BALLOTBOX_NODE_ID",
        hide_env_values = true,
        empty_values = false,
        required_unless = "config"
    )]
    id: Option<ServerId>,
    /// A vote file with the election addresses of all members
    #[structopt(
        long,
        value_name = "VOTES.json",
        env = "BALLOTBOX_NODE_VOTES",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str),
        required_unless = "config",
        conflicts_with = "config"
    )]
    votes: Option<PathBuf>,
    /// The zoo.cfg of the ZooKeeper server whose place this node takes
    #[structopt(
        long,
        value_name = "zoo.cfg",
        env = "BALLOTBOX_NODE_CONFIG",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str)
    )]
    config: Option<PathBuf>,
    /// Where the node keeps its epochs; left out: ballotbox-data/ID here, or with --config the dataDir of the file
    #[structopt(
        long,
        value_name = "DIR",
        env = "BALLOTBOX_NODE_DATA_DIR",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str),
        conflicts_with = "no-data-dir"
    )]
    data_dir: Option<PathBuf>,
    /// Keeps nothing: for observers, and for vote files with "leadership": false
    #[structopt(long)]
    no_data_dir: bool,
    /// Says that the data directory has no past: a quorum that was all started so begins a new ensemble without the rest
    #[structopt(long)]
    new_ensemble: bool,
    /// Begins the new ensemble above this epoch: after a majority of the disks is lost for good
    #[structopt(
        long,
        value_name = "N",
        env = "BALLOTBOX_NODE_EPOCH_FLOOR",
        hide_env_values = true,
        empty_values = false,
        parse(try_from_str = epoch),
        requires = "new-ensemble"
    )]
    epoch_floor: Option<Epoch>,
    /// Leads only while nobody else can, for so long at a time, as in 2s; or `off`; left out: what the vote file says
    #[structopt(
        long,
        value_name = "2s|off",
        env = "BALLOTBOX_NODE_LEASE",
        hide_env_values = true,
        empty_values = false,
        parse(try_from_str = lease)
    )]
    lease: Option<Lease>,
    #[structopt(flatten)]
    tls: TlsArgs,
    #[structopt(flatten)]
    status: StatusArgs,
    /// Runs this with `/bin/sh -c` at every change: when the node leads, follows, is without a leader, has stopped
    #[structopt(
        long,
        value_name = "CMD",
        env = "BALLOTBOX_NODE_ON_CHANGE",
        hide_env_values = true,
        empty_values = false,
        parse(try_from_os_str = hooks::command)
    )]
    on_change: Option<OsString>,
    /// Kills a run of the hook, and its process group, after this time; left out: 30s
    #[structopt(
        long,
        value_name = "30s",
        env = "BALLOTBOX_NODE_HOOK_TIMEOUT",
        hide_env_values = true,
        empty_values = false,
        parse(try_from_str = duration::parse),
        requires = "on-change"
    )]
    hook_timeout: Option<Duration>,
    /// Prints one JSON object for each event
    #[structopt(long)]
    json: bool,
    #[structopt(flatten)]
    work: WorkArgs,
}

/// What `--lease` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lease {
    Off,
    For(Duration),
}

fn lease(text: &str) -> Result<Lease, String> {
    if text == "off" {
        return Ok(Lease::Off);
    }
    duration::parse(text).map(Lease::For).map_err(|_| {
        let text = UntrustedText::new(text);
        format!("`{text}` is no lease: expected a time, as in 2s or 1500ms, or `off`")
    })
}

fn epoch(text: &str) -> Result<Epoch, String> {
    whole_number(text).map(Epoch).filter(|epoch| *epoch < EPOCH_MAX).ok_or_else(|| {
        let text = UntrustedText::new(text);
        format!("`{text}` is no epoch: expected a whole number from 0 to {}", EPOCH_MAX.0 - 1)
    })
}

pub(super) fn run(args: &NodeArgs) -> Result<ExitCode, Failure> {
    let (config, mut warnings) = config::read(args)?;
    descriptors::require(config.descriptors_needed() + args.status.descriptors_needed())?;
    let work = args.work.config(&config)?;
    let (status_port, warning) = args.status.bind(config.tls.as_ref())?;
    warnings.extend(warning);
    // Before anything else, so that no signal finds us without a handler.
    let signals = Signals::new(work.is_some()).map_err(|error| Failure::Signals(error.into()))?;
    let guarded = match work {
        Some(work) => {
            let left_overs = end_left_overs(&work.directory.join("work.lock"), &work.lease_file());
            warnings.extend(
                left_overs.iter().map(|one| format!("left behind by an earlier node: {one}")),
            );
            let guard = GuardProcess::start(&work)?;
            Some((work, guard))
        }
        None => None,
    };
    let json = args.json;
    let hook = hooks::hook(args, &config);
    let outcome = on_this_thread(async move {
        let output = Output::start(config.me, json, guarded.is_some())?;
        Ok::<_, io::Error>(
            serve(config, status_port, hook, warnings, signals, output, guarded).await,
        )
    });
    match outcome? {
        Ok(code) => Ok(code),
        Err(NodeError::Config(error)) => {
            let votes = || args.votes.as_deref().map(input::name);
            let file = args.config.as_deref().map(UntrustedText::path).or_else(votes);
            let file = file.unwrap_or_default();
            Err(Failure::NodeConfig { file, error })
        }
        Err(error) => Err(error.into()),
    }
}
