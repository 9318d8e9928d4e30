//! [`Trace`]: what happened, one line an event.
//!
//! | column | |
//! | --- | --- |
//! | 1 | virtual time in milliseconds |
//! | 2 | the member to whom it happens; `-` for what happens to all |
//! | 3 | what happens |
//! | 4 | with whom, and details |

use std::fmt::{self, Write};

use ballotbox_core::ServerId;

use super::Moment;
use crate::election::{Notification, PeerState};

/// Lines of text, kept only if asked for.
#[derive(Debug, Default)]
pub(super) struct Trace(Option<String>);

impl Trace {
    pub(super) fn start(&mut self) {
        self.0.get_or_insert_default();
    }

    pub(super) fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Takes out what was written so far.
    pub(super) fn take(&mut self) -> String {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Writes a line. The arguments are put into words only if somebody wants to read them.
    pub(super) fn note(
        &mut self,
        at: Moment,
        who: Option<ServerId>,
        what: &str,
        details: fmt::Arguments<'_>,
    ) {
        if let Some(text) = &mut self.0 {
            let at = at.to_string();
            let who = who.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let start = text.len();
            // Writing to a string cannot fail.
            let _ = write!(text, "{at:>10}  {who:>3}  {what:<11} {details}");
            text.truncate(start + text[start..].trim_end().len());
            text.push('\n');
        }
    }
}

/// A notification in words: `looking, votes 3 (epoch 0, zxid 0x0), round 1`.
pub(super) struct InWords<'a>(pub(super) &'a Notification);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_question() {
            return f.write_str("asks for a sign of life");
        }
        let Notification { state, vote, round, .. } = self.0;
        f.write_str(match state {
            PeerState::Looking => "looking, votes ",
            PeerState::Following => "following ",
            PeerState::Leading => "leading ",
            PeerState::Observing => "observing ",
        })?;
        match vote {
            Some(vote) => vote.fmt(f)?,
            None => f.write_str("nobody")?,
        }
        write!(f, ", round {round}")
    }
}
