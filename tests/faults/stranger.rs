//! [`Stranger`]: one that connects to a member in the name of another, and is not.

use std::process::{Child, Command, Stdio};

use ballotbox_core::{
    ServerId,
    election::Epoch,
    leadership::{Info, LearnerWord},
    membership::Role,
    wire::{Greeting, GreetingForm},
};

use super::hosts::{Hosts, PORT, address};

/// What it says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// A greeting.
    Silent,
    /// A greeting, and what is no frame of ours.
    Rubbish,
    /// That it is a real server, and wants to follow.
    RealServer,
}

impl Manner {
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Self {
        [Self::Silent, Self::Rubbish, Self::RealServer][rng.usize(0..3)]
    }

    fn words(self, id: ServerId) -> Vec<u8> {
        let form = GreetingForm::V1("10.77.0.200:3888".parse().unwrap());
        let greeting = Greeting { from: Some(id), form }.encode();
        match self {
            Self::Silent => greeting,
            Self::Rubbish => [&greeting[..], b"\0\0\0\x04none"].concat(),
            Self::RealServer => {
                let (role, accepted) = (Role::Voter, Epoch(1));
                let info = Info { id: Some(id), role, accepted, block: None };
                LearnerWord::Info(info).to_packet().unwrap().encode()
            }
        }
    }
}

/// A process in a namespace of its own, until this is dropped. Whenever its connection is closed it makes another one.
#[derive(Debug)]
pub(crate) struct Stranger(Child);

impl Stranger {
    /// Comes to `at` as `claims`.
    pub(crate) fn start(hosts: &Hosts, at: usize, claims: usize, manner: Manner) -> Self {
        let words = manner.words(ServerId::new(claims as u64 + 1).unwrap());
        let escaped: Vec<_> = words.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        let words = escaped.concat();
        let script = format!(
            "while :; do
                 if exec 3<>/dev/tcp/{}/{PORT}; then
                     printf '{words}' >&3
                     while read -r -u 3; do :; done
                     exec 3>&-
                 fi
                 sleep 0.05
             done",
            address(at)
        );
        let mut bash = Command::new("ip");
        bash.args(["netns", "exec", &hosts.namespace(None), "bash", "-c", &script]);
        bash.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(bash.spawn().unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
