//! The other side of a ping-pong in a process of its own: this bench, started again.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use async_std::{net::TcpStream, task};
use ballotbox_core::Endpoint;

use crate::{
    common::println,
    full_stack::{self, Node},
    plain,
};

/// Makes this bench the echo of another one.
pub const ECHO: &str = "--echo";

/// The ids: the higher one, here, dials.
const HERE: u64 = 2;
const THERE: u64 = 1;

/// The echoing process, and our ends of the connections to it.
#[derive(Debug)]
pub struct Echo {
    child: Child,
    pub plain: plain::PingPong,
    pub ours: full_stack::PingPong,
}

impl Echo {
    pub async fn start() -> Self {
        let here = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(ECHO)
            .arg(here.local_addr().unwrap().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = || said.next().expect("two addresses").unwrap();
        let (plain, ours) = (address(), address());
        let plain = TcpStream::connect(plain).await.unwrap();
        plain.set_nodelay(true).unwrap();
        let there = ours.parse::<Endpoint>().unwrap();
        let mut here = Node::start(HERE, here, [(THERE, there)], None);
        here.linked(1).await;
        Self {
            child,
            plain: plain::PingPong::new(plain),
            ours: full_stack::PingPong { here, peer: full_stack::id(THERE) },
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the other process does: says where it listens, plainly and with a network, and echoes until it is killed.
pub async fn echo(args: Vec<String>) {
    let dialler = args.first().expect("where the peer listens").parse::<Endpoint>().unwrap();
    let plain = async_std::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpListener::bind("127.0.0.1:0").unwrap();
    println(&plain.local_addr().unwrap().to_string());
    println(&ours.local_addr().unwrap().to_string());
    let mut node = Node::start(THERE, ours, [(HERE, dialler)], None);
    let plainly = task::spawn(async move {
        let (stream, _) = plain.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        plain::echo(stream).await;
    });
    node.linked(1).await;
    node.echo().await;
    plainly.await;
}
