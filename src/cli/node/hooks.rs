//! [`Hooks`]: the hook of `--on-change`, as the command line has it.

use std::{
    ffi::{OsStr, OsString},
    time::Duration,
};

use ballotbox::{
    NodeConfig,
    node::Watch,
    run::{Hook, HookReport},
};
use ballotbox_actors::kit::{Mailbox, mailbox};

use super::NodeArgs;

/// A run may take this long if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the hook has to say, if there is one.
#[derive(Debug, Default)]
pub(super) struct Hooks(Option<Mailbox<HookReport>>);

/// The hook that the command line asks for.
pub(super) fn hook(args: &NodeArgs, config: &NodeConfig) -> Option<Hook> {
    let limit = args.hook_timeout.unwrap_or(TIMEOUT);
    args.on_change.clone().map(|command| Hook::new(command, limit, config))
}

/// Reads a command for a shell.
pub(super) fn command(text: &OsStr) -> Result<OsString, OsString> {
    if text.as_encoded_bytes().iter().all(u8::is_ascii_whitespace) {
        return Err("there is no command: expected one as for a shell, as in './changed.sh'".into());
    }
    Ok(text.to_owned())
}

impl Hooks {
    pub(super) fn start(hook: Option<Hook>, watch: Watch) -> Self {
        Self(hook.map(|hook| {
            let (address, reports) = mailbox();
            hook.start(watch, address);
            reports
        }))
    }

    /// Waits for the next thing that went wrong, for ever if nothing runs any more.
    pub(super) async fn warning(&mut self) -> String {
        match self.next().await {
            Some(text) => text,
            None => std::future::pending().await,
        }
    }

    /// Waits for the next thing that went wrong; `None` when nothing runs any more.
    pub(super) async fn next(&mut self) -> Option<String> {
        match self.0.as_mut()?.next().await {
            Some(HookReport::Warning(text)) => Some(text),
            Some(HookReport::Ended) | None => {
                self.0 = None;
                None
            }
        }
    }
}
