//! [`Stranger`]: one that connects to a member in the name of another, and is not.

use std::process::{Child, Command, Stdio};

use ballotbox_core::{
    ServerId,
    wire::{Greeting, GreetingForm},
};

use super::hosts::{Hosts, PORT, address};

/// A process in a namespace of its own, until this is dropped. Whenever its connection is closed it makes another one.
#[derive(Debug)]
pub(crate) struct Stranger(Child);

impl Stranger {
    /// Greets `at` as `claims`, and then says nothing, or what is no frame of ours.
    pub(crate) fn start(hosts: &Hosts, at: usize, claims: usize, rubbish: bool) -> Self {
        let id = ServerId::new(claims as u64 + 1).unwrap();
        let form = GreetingForm::V1("10.77.0.200:3888".parse().unwrap());
        let mut words = Greeting { from: Some(id), form }.encode();
        if rubbish {
            words.extend(b"\0\0\0\x04none");
        }
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
