//! TLS among the nodes of a bench, and one who only shakes hands with one of them.

use std::{future::poll_fn, net::SocketAddr, pin::Pin, sync::Arc, task::Poll};

use async_std::net::TcpStream;
use ballotbox_actors::{
    Tls,
    socket::{
        TlsStage,
        tls::{Credentials, Material, Terms},
    },
};
use ballotbox_core::{
    Endpoint,
    identity::{Identities, Naming},
    membership::{Member, Membership},
};
use futures::AsyncRead;
use futures_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, HandshakeKind, RootCertStore,
        client::Resumption,
        crypto::ring,
        pki_types::{PrivateKeyDer, ServerName},
    },
};

use crate::{Rounds, common::certificates::Authority, full_stack::id};

/// Members that know each other, and the authority that lets them in.
#[derive(Debug)]
pub struct Members {
    authority: Authority,
    identities: Identities,
}

impl Members {
    pub fn new(members: &[(u64, Endpoint)]) -> Self {
        let members = members.iter().map(|(number, at)| Member::voter(id(*number)).at(at.clone()));
        let identities = Identities::new(&Membership::new(members).unwrap(), Naming::Strict);
        Self { authority: Authority::new(), identities }
    }

    /// What one of them speaks TLS with.
    pub fn tls(&self, number: u64) -> Tls {
        let credentials = Credentials::new(self.material(number), &Terms::default()).unwrap();
        Tls::new(credentials, TlsStage::Required, self.identities.clone())
    }

    /// What one who has the certificate of a member shakes hands with.
    fn client(&self, number: u64, resumption: Resumption) -> Arc<ClientConfig> {
        let Material { chain, key, roots } = self.material(number);
        let mut trusted = RootCertStore::empty();
        trusted.add_parsable_certificates(roots);
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let client = client.with_root_certificates(trusted).with_client_auth_cert(chain, key);
        let mut client = client.unwrap();
        client.resumption = resumption;
        Arc::new(client)
    }

    fn material(&self, number: u64) -> Material {
        let issued = self.authority.issue(number);
        Material {
            chain: vec![issued.certificate.der().clone()],
            key: PrivateKeyDer::try_from(issued.key.serialize_der()).unwrap(),
            roots: vec![self.authority.certificate().der().clone()],
        }
    }
}

/// Connects, shakes hands until the node has let it in, and hangs up.
#[derive(Debug)]
pub struct Handshakes {
    to: SocketAddr,
    client: Arc<ClientConfig>,
    /// What all of them are, after the first one.
    kind: HandshakeKind,
    are_more: bool,
}

impl Handshakes {
    /// Each with all its signatures.
    pub fn full(to: SocketAddr, members: &Members) -> Self {
        let client = members.client(1, Resumption::disabled());
        Self { to, client, kind: HandshakeKind::Full, are_more: false }
    }

    /// Each goes on with the session of the one before.
    pub fn resumed(to: SocketAddr, members: &Members) -> Self {
        let client = members.client(1, Resumption::in_memory_sessions(1));
        Self { to, client, kind: HandshakeKind::Resumed, are_more: false }
    }
}

impl Rounds for Handshakes {
    async fn round(&mut self, _: u64) {
        let socket = TcpStream::connect(self.to).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::from(self.to.ip());
        let connector = TlsConnector::from(Arc::clone(&self.client));
        let mut stream = connector.connect(name, socket).await.unwrap();
        // What lets it in is the ticket for the next session.
        poll_fn(|cx| {
            let read = Pin::new(&mut stream).poll_read(cx, &mut [0]);
            let is_in = stream.get_ref().1.tls13_tickets_received() > 0;
            assert!(is_in || read.is_pending(), "it was turned away: {read:?}");
            if is_in { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        if std::mem::replace(&mut self.are_more, true) {
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(self.kind));
        }
    }
}
