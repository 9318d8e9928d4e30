//! [`Play`]: what the processes of an ensemble do, and how one is started for that.

use std::{fs, path::PathBuf, process::Command};

use serde_json::json;

use super::{
    holder,
    hosts::{ELSEWHERE, PORT, address},
    process::Voice,
};

/// What the processes do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Play {
    /// They lead and follow.
    Leadership,
    /// They elect one of them, and that is all.
    Election,
    /// They lead with a lease, and stamp the clock while they hold it.
    Leases,
}

/// What a process of a member is started with.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) member: usize,
    /// Its namespace.
    pub(crate) host: String,
    /// It calls its own address by a name, which may stand for the address that the others have: so their lists do not differ.
    pub(crate) is_elsewhere: bool,
    pub(crate) directory: PathBuf,
    /// Where its vote file may be.
    pub(crate) votes: PathBuf,
}

impl Play {
    /// What has to be run, and where it speaks.
    pub(crate) fn command(self, seat: &Seat) -> (Command, Voice) {
        if self == Self::Leases {
            let members: Vec<_> =
                seat.members().map(|(id, place)| format!("{id}={place}")).collect();
            let id = seat.member as u64 + 1;
            return (holder::command(&seat.host, id, &seat.directory, &members), Voice::Stderr);
        }
        let members = seat.members().map(|(id, place)| json!({ "id": id, "election": place }));
        let mut votes = json!({ "members": members.collect::<Vec<_>>() });
        let mut node = Command::new("ip");
        node.args(["netns", "exec", &seat.host, env!("CARGO_BIN_EXE_ballotbox"), "node", "--json"]);
        node.args(["--id", &(seat.member + 1).to_string(), "--votes"]).arg(&seat.votes);
        if self == Self::Election {
            votes["leadership"] = false.into();
        } else {
            node.arg("--data-dir").arg(&seat.directory);
        }
        fs::write(&seat.votes, votes.to_string()).unwrap();
        (node, Voice::Stdout)
    }
}

impl Seat {
    /// All members, and where this one says that they are.
    fn members(&self) -> impl Iterator<Item = (usize, String)> {
        (0..super::MEMBERS).map(|member| {
            let own_name = self.is_elsewhere && member == self.member;
            let host = if own_name { ELSEWHERE.to_owned() } else { address(member).to_string() };
            (member + 1, format!("{host}:{PORT}"))
        })
    }
}
