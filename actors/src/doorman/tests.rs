//! What the doorman lets in, and whom it tells.

use std::{io::Write, net::TcpStream};

use async_std::task::block_on;
use ballotbox_core::{
    Endpoint, ServerId,
    wire::{Greeting, GreetingForm},
};

use super::*;

/// A doorman at a free port, what it tells those inside, and its user.
struct Entrance {
    address: SocketAddr,
    inside: Mailbox<DoorReport>,
    events: Mailbox<NetworkEvent>,
    _doorman: DoormanAddress,
}

impl Entrance {
    async fn open() -> Self {
        let listen = "127.0.0.1:0".parse::<Endpoint>().unwrap().into();
        let hour = Duration::from_secs(3600);
        let rebind = Backoff { min: hour, max: hour, attempts_max: Some(1) };
        let door = Door { listen: vec![listen], rebind, greeting: hour, tls: None };
        let (reports, mut inside) = mailbox();
        let (user, events) = mailbox();
        let (parent, _) = mailbox();
        let doorman =
            start(door, reports, None::<Address<LearnerReport>>, user, parent, |exit| exit);
        let Some(DoorReport::Open { addresses, .. }) = inside.next().await else {
            panic!("the door did not open")
        };
        Self { address: addresses[0], inside, events, _doorman: doorman }
    }

    fn greet(&self, number: u64) -> TcpStream {
        let form = GreetingForm::V1(self.address.into());
        let greeting = Greeting { from: ServerId::new(number), form };
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.write_all(&greeting.encode()).unwrap();
        socket
    }

    async fn arrived(&mut self) -> (Option<ServerId>, Ticket) {
        match self.inside.next().await {
            Some(DoorReport::Arrived(arrival)) => (arrival.first.from, arrival.ticket),
            other => panic!("{other:?} came first"),
        }
    }
}

#[test]
fn those_who_had_to_wait_while_nobody_was_taken_come_in_once_they_are() {
    block_on(async {
        let mut entrance = Entrance::open().await;
        let crowd: Vec<_> = (0..100).map(|number| entrance.greet(number)).collect();
        let mut arrived = Vec::new();
        let mut tickets = Vec::new();
        // As many as may come in while none is dealt with.
        for _ in 0..AcceptCredit::UNTAKEN_MAX {
            let (from, ticket) = entrance.arrived().await;
            arrived.extend(from);
            tickets.push(ticket);
        }
        drop(tickets);
        while arrived.len() < crowd.len() {
            arrived.extend(entrance.arrived().await.0);
        }
        arrived.sort_unstable();
        assert!(arrived.into_iter().map(ServerId::number).eq(0..100));
    });
}

#[test]
fn what_those_inside_refuse_is_counted_with_everything_else_that_is_turned_away() {
    block_on(async {
        let mut entrance = Entrance::open().await;
        let _socket = entrance.greet(1);
        entrance.arrived().await.1.refuse(Refusal::OwnId);
        let listening = entrance.events.next().await;
        assert!(matches!(listening, Some(NetworkEvent::Listening { .. })), "{listening:?}");
        let (from, reason) = (Some(entrance.address.ip()), RefusedBecause::Id(Refusal::OwnId));
        let refused = NetworkEvent::Refused { from, peer: None, reason, times: 1 };
        assert_eq!(entrance.events.next().await, Some(refused));
    });
}

#[test]
fn those_from_where_a_member_is_go_on_first_with_their_handshakes() {
    block_on(async {
        let listen = "127.0.0.1:0".parse::<Endpoint>().unwrap().into();
        let hour = Duration::from_secs(3600);
        let rebind = Backoff { min: hour, max: hour, attempts_max: Some(1) };
        let door = Door { listen: vec![listen], rebind, greeting: hour, tls: None };
        let (mesh, _inside) = mailbox::<DoorReport>();
        let (user, _events) = mailbox::<NetworkEvent>();
        let (myself, _orders) = mailbox();
        let mut doorman = Doorman::new(door, mesh, None::<Address<LearnerReport>>, user, myself);
        let [stranger, member] =
            ["10.9.9.9:4000", "10.0.0.2:4000"].map(|from| from.parse::<SocketAddr>().unwrap());
        let peer = ServerId::new(2).unwrap();
        doorman.hear(DoormanMsg::PeerAt { address: member.ip(), peer }).unwrap();
        let mut turns = [1, 2].map(|id| {
            let from = if id == 1 { stranger } else { member };
            doorman.reception.admit(GreeterId(id), from, 0);
            let (reply, turn) = mailbox();
            let wants = GreeterReport::WantsTurn(GreeterId(id), reply);
            doorman.hear(DoormanMsg::Greeter(wants)).unwrap();
            turn
        });
        assert_eq!(doorman.handshakes.give_turn(clock::now()), None);
        assert_eq!(turns[1].next().await, Some(()), "the member goes first");
        assert!(turns[0].is_empty());
        // It is made to leave in its turn, and what it tells after that comes late.
        doorman.turn_out(GreeterId(2), member);
        assert_eq!(doorman.handshakes.give_turn(clock::now()), None);
        assert_eq!(turns[0].next().await, Some(()));
        let late = GreeterReport::HadTurn(GreeterId(2), Duration::ZERO);
        doorman.hear(DoormanMsg::Greeter(late)).unwrap();
        let (reply, turn) = mailbox();
        doorman.reception.admit(GreeterId(3), stranger, 0);
        let wants = GreeterReport::WantsTurn(GreeterId(3), reply);
        doorman.hear(DoormanMsg::Greeter(wants)).unwrap();
        assert_eq!(doorman.handshakes.give_turn(clock::now()), None);
        assert!(turn.is_empty(), "1 has not had its turn");
    });
}
