//! `ballotbox node`: one member of an ensemble, until it is told to stop.

mod event;

use std::{
    io::{self, Write},
    path::PathBuf,
    pin::pin,
    time::{Duration, Instant},
};

use async_std::task::block_on;
use ballotbox::{
    Node, NodeConfig, NodeError, ServerId, UntrustedText,
    node::{Occurrence, Watch},
    vote_file::VoteFile,
    zoo_cfg::ZooCfg,
};
use ballotbox_actors::kit::clock;
use futures::{
    StreamExt,
    future::{self, Either},
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_async_std::Signals;
use structopt::StructOpt;

use self::event::{Event, Said};
use super::{
    ExitCode, Failure,
    screen::{self, FAINT},
};

/// Runs one member of an ensemble, until SIGINT or SIGTERM
#[derive(Debug, StructOpt)]
pub(super) struct NodeArgs {
    /// Which member this is; with --config it may be left out, as the file `myid` says it, too
    #[structopt(
        long,
        value_name = "ID",
        env = "BALLOTBOX_NODE_ID",
        hide_env_values = true,
        empty_values = false,
        parse(try_from_str = server_id),
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
    /// Prints one JSON object for each event
    #[structopt(long)]
    json: bool,
}

fn server_id(text: &str) -> Result<ServerId, String> {
    let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    number.and_then(ServerId::new).ok_or_else(|| {
        let (text, max) = (UntrustedText::new(text), ServerId::MAX);
        format!("`{text}` is no server id: expected a whole number from 0 to {max}")
    })
}

pub(super) fn run(args: &NodeArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let config = config(args)?;
    // Before anything else, so that no signal finds us without a handler.
    let signals =
        Signals::new([SIGINT, SIGTERM]).map_err(|error| Failure::Signals(error.into()))?;
    let voice = Voice { me: config.me, json: args.json, began: clock::now(), out };
    match block_on(serve(config, signals, voice)) {
        Ok(()) => Ok(ExitCode::Done),
        Err(Failure::Node(NodeError::Config(error))) => {
            let file = args.config.as_ref().or(args.votes.as_ref());
            let file = file.map(|file| UntrustedText::path(file)).unwrap_or_default();
            Err(Failure::NodeConfig { file, error })
        }
        Err(failure) => Err(failure),
    }
}

fn config(args: &NodeArgs) -> Result<NodeConfig, Failure> {
    match (&args.config, &args.votes, args.id) {
        (Some(path), _, id) => {
            let mut cfg = ZooCfg::read(path)?;
            if let Some(id) = id {
                cfg.identify(id)?;
            }
            Ok(cfg.node_config()?)
        }
        (None, Some(path), Some(id)) => Ok(VoteFile::read(path)?.node_config(id)),
        (None, None, _) | (None, _, None) => {
            Err(Failure::Argument("--id and --votes are needed, or --config".into()))
        }
    }
}

async fn serve(
    config: NodeConfig,
    mut signals: Signals,
    mut voice: Voice<'_>,
) -> Result<(), Failure> {
    let mut node = Node::launch(config).map_err(NodeError::from)?;
    match tell(node.watch(), &mut signals, &mut voice).await? {
        Ending::Asked => node.stop().await?,
        Ending::Itself => node.ended().await?,
    }
    Ok(voice.stopped()?)
}

/// Why there is nothing more to tell.
enum Ending {
    /// A signal came.
    Asked,
    /// The node has ended.
    Itself,
}

async fn tell(
    mut watch: Watch,
    signals: &mut Signals,
    voice: &mut Voice<'_>,
) -> io::Result<Ending> {
    loop {
        let news = pin!(watch.news());
        match future::select(signals.next(), news).await {
            Either::Left(_) => return Ok(Ending::Asked),
            Either::Right((Err(_), _)) => return Ok(Ending::Itself),
            Either::Right((Ok(news), _)) => {
                for occurrence in &news.events {
                    voice.say(occurrence)?;
                }
            }
        }
    }
}

/// How events are printed: what happened to stdout, what seems wrong to stderr.
struct Voice<'a> {
    me: ServerId,
    json: bool,
    began: Instant,
    out: &'a mut dyn Write,
}

impl Voice<'_> {
    fn say(&mut self, occurrence: &Occurrence) -> io::Result<()> {
        match event::said(&occurrence.event) {
            Said::Event(event) => self.print(occurrence.at, event),
            Said::Remark(text) => {
                anstream::eprintln!("ballotbox: node {}: {text}", self.me);
                Ok(())
            }
            Said::Nothing => Ok(()),
        }
    }

    fn stopped(&mut self) -> io::Result<()> {
        self.print(clock::now() - self.began, Event::Stopped {})
    }

    fn print(&mut self, at: Duration, event: Event) -> io::Result<()> {
        if self.json {
            let line = event::Line::new(self.me, at, event);
            writeln!(self.out, "{}", serde_json::to_string(&line)?)?;
        } else {
            writeln!(self.out, " {FAINT}{}{FAINT:#}  {event}", screen::at(at))?;
        }
        // Someone may be waiting for it at the other end of a pipe.
        self.out.flush()
    }
}
