//! The program that runs while a node leads: what the command line says about it, and what is said of it.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    str::FromStr,
    time::Duration,
};

use ballotbox::{
    NodeConfig, UntrustedText,
    leadership::LeaseTerms,
    run::{Outcome, Program, RunConfig, WhenItEnds, WorkState},
};
use ballotbox_actors::kit::Rounded;
use structopt::StructOpt;

use super::event::Event;
use crate::cli::{ExitCode, Failure, duration};

/// A lease that nobody has asked for is this long: a program cannot look at an epoch.
pub(super) const LEASE: Duration = Duration::from_secs(2);

// What the command line says about a program that runs while the node leads. The help would show more than this as that of the node.
#[derive(Debug, StructOpt)]
pub(super) struct WorkArgs {
    /// Runs the program after `--` only while this node leads, with a lease of 2s if nothing else is said
    #[structopt(long, requires = "command")]
    pub(super) while_leading: bool,
    /// How long the program may take to end when it is told to
    #[structopt(
        long,
        value_name = "1s",
        env = "BALLOTBOX_NODE_STOP_WITHIN",
        hide_env_values = true,
        empty_values = false,
        parse(try_from_str = duration::parse),
        requires = "while-leading"
    )]
    pub(super) stop_within: Option<Duration>,
    /// What is done when the program ends by itself: `stop` (the node ends with its code), `restart`, `resign`
    #[structopt(
        long,
        value_name = "stop|restart|resign",
        env = "BALLOTBOX_NODE_WHEN_IT_ENDS",
        hide_env_values = true,
        empty_values = false,
        requires = "while-leading"
    )]
    when_it_ends: Option<Then>,
    /// A command for the shell that exits with 0 if the program is well; run every 2s, and three failures end the leadership
    #[structopt(
        long,
        value_name = "CMD",
        env = "BALLOTBOX_NODE_HEALTH",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str),
        requires = "while-leading"
    )]
    health: Option<OsString>,
    /// A command for the shell that has to succeed before the program begins
    #[structopt(
        long,
        value_name = "CMD",
        env = "BALLOTBOX_NODE_BEFORE_LEADING",
        hide_env_values = true,
        empty_values = false,
        parse(from_os_str),
        requires = "while-leading"
    )]
    before_leading: Option<OsString>,
    /// Gives our stdin to the program
    #[structopt(long, requires = "while-leading")]
    stdin: bool,
    /// The program, and its arguments
    #[structopt(value_name = "CMD", last = true, parse(from_os_str), requires = "while-leading")]
    command: Vec<OsString>,
}

/// What `--when-it-ends` says.
#[derive(Clone, Copy, Debug)]
struct Then(WhenItEnds);

impl FromStr for Then {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "stop" => Ok(Self(WhenItEnds::Stop)),
            "restart" => Ok(Self(WhenItEnds::Restart)),
            "resign" => Ok(Self(WhenItEnds::Resign)),
            _ => {
                let text = UntrustedText::new(text);
                Err(format!("`{text}` is none of them: expected stop, restart or resign"))
            }
        }
    }
}

impl WorkArgs {
    /// The program that this node is to run, if it is to run one.
    pub(super) fn config(&self, config: &NodeConfig) -> Result<Option<RunConfig>, Failure> {
        if !self.while_leading {
            return Ok(None);
        }
        let me = config.me;
        let refused = |why: String| Failure::Argument(format!("--while-leading: {why}").into());
        let Some(leadership) = &config.leadership else {
            let why = "the vote file says \"leadership\": false, so nobody leads";
            return Err(refused(why.to_owned()));
        };
        if !config.ensemble().may_lead(me) {
            return Err(refused(format!("{me} is an observer, or its vote weighs nothing")));
        }
        let Some(directory) = config.own_directory() else {
            return Err(refused("the node needs a data directory".to_owned()));
        };
        if self.stdin && io::stdin().is_terminal() {
            let why = "--stdin, and stdin is a terminal: a program that reads from it would be stopped, as it is not in its \
                       foreground. Expected a file or a pipe";
            return Err(refused(why.to_owned()));
        }
        let program = Program::find(&self.command).map_err(|error| refused(error.to_string()))?;
        let directory = std::path::absolute(&directory)
            .map_err(|error| refused(format!("{}: {error}", UntrustedText::path(&directory))))?;
        Ok(Some(RunConfig {
            me,
            program,
            stop_within: leadership.timing.stop_within(),
            lease: leadership.timing.lease.map(|lease| lease.length),
            when_it_ends: self.when_it_ends.map_or_else(WhenItEnds::default, |then| then.0),
            before_leading: self.before_leading.clone(),
            health: self.health.clone(),
            stdin: self.stdin,
            directory,
        }))
    }

    /// The lease of a node that runs a program, and is told nothing about leases.
    pub(super) fn lease(&self, drift_ppm: u32) -> Option<LeaseTerms> {
        self.while_leading.then_some(LeaseTerms { length: LEASE, drift_ppm })
    }
}

/// What is said about the work.
pub(super) fn said(state: WorkState) -> Event {
    let work = |state, pid, code, text: String| Event::Work { state, pid, code, text };
    match state {
        WorkState::Preparing { pid } => {
            work("preparing", Some(pid), None, format!("preparing to lead, as process {pid}"))
        }
        WorkState::Unprepared { code } => {
            let text = format!("cannot prepare to lead, exit code {code}: another member may try");
            work("unprepared", None, Some(code), text)
        }
        WorkState::Running { pid } => {
            work("running", Some(pid), None, format!("the program runs, as process {pid}"))
        }
        WorkState::NotStarted { error: None } => {
            let text = "the lease was over before the program could begin".to_owned();
            work("not-started", None, None, text)
        }
        WorkState::NotStarted { error: Some(error) } => {
            let error = io::Error::from_raw_os_error(error);
            work("not-started", None, None, format!("cannot start the program: {error}"))
        }
        WorkState::Unwell => {
            let text = "the program, or the disk of the data directory, does not answer: another member may try";
            work("unwell", None, None, text.to_owned())
        }
        WorkState::Ending => work("ending", None, None, "the program was told to end".to_owned()),
        WorkState::Lingers { processes } => Event::warning(format!(
            "the program was killed and does not end, as when a disk does not answer: {processes} processes are left. The \
             leadership is not handed over before that; once the lease is over, another member may lead, and what the program \
             still writes is for a fence to refuse"
        )),
        WorkState::Ended { code, killed } => {
            let how = if killed { "was killed" } else { "has ended" };
            work("ended", None, Some(code), format!("the program {how}, exit code {code}"))
        }
        WorkState::Pausing { wait } => {
            work("pausing", None, None, format!("the program begins again in {}", Rounded(wait)))
        }
        WorkState::Failing => {
            let text = "the program fails again and again: another member may try".to_owned();
            work("failing", None, None, text)
        }
    }
}

/// The exit code of a node whose work is over.
pub(super) fn exit_code(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Ended { code } => ExitCode::Of(u8::try_from(code).unwrap_or(u8::MAX)),
        Outcome::Stopped { killed: false } => ExitCode::Done,
        Outcome::Stopped { killed: true } => ExitCode::No,
        Outcome::GuardGone => ExitCode::Environment,
    }
}
