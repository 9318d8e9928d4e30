//! [`NodeConfig`]: everything a node has to be told.

mod leadership;
mod members;
mod waits;
mod zoo_cfg;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ballotbox_actors::{
    GREETINGS_OPEN_MAX, LEARNERS_SPARE_MAX, Listen, Liveness, NetworkConfig, NetworkTiming, Tls,
};
use ballotbox_core::{
    Endpoint, ServerId,
    leadership::{LeaseProblem, LeaseTerms},
    links::{ATTEMPTS_MAX, GUESTS_MAX, LinkTiming},
    wire::{Frame, Greeting, GreetingForm, Ports},
};

pub(super) use self::leadership::Kept;
pub use self::{
    leadership::{Keep, LeadershipConfig},
    members::MembersError,
};
use super::store::Layout;
#[cfg(feature = "tls")]
use crate::tls::NodeTls;
use crate::{ElectionTiming, Ensemble, History, Membership, election::Notification};

/// At most this many callers at the control socket are answered at a time. The one that has been connected longest makes room.
pub(super) const CONVERSATIONS_MAX: usize = 16;

/// What a node needs to know before it starts.
#[derive(Debug)]
pub struct NodeConfig {
    /// Its id.
    pub me: ServerId,
    /// Who the members are, itself among them, and where.
    pub membership: Arc<Membership>,
    /// What it stands on, for its vote.
    pub history: History,
    /// The member list it attaches to what it says; empty to speak as ZooKeeper 3.4 does, which attaches none.
    pub config_text: Arc<str>,
    /// The waits of the election.
    pub timing: ElectionTiming,
    /// The deadlines of the network.
    pub network: NetworkTiming,
    /// When links are tried again.
    pub links: LinkTiming,
    /// How dead peers are noticed.
    pub liveness: Liveness,
    /// Greets with all its addresses, as ZooKeeper does with `multiAddress.enabled`.
    pub greet_with_all_addresses: bool,
    /// Listens on all interfaces instead of its own address (`quorumListenOnAllIPs`).
    pub listen_on_all_interfaces: bool,
    /// A socket that already listens at the first of its election addresses.
    pub listener: Option<std::net::TcpListener>,
    /// Who it is to the others over TLS, and whom it believes to be one; `None` for plain text, in which anybody who reaches a port is
    /// believed.
    #[cfg(feature = "tls")]
    pub tls: Option<NodeTls>,
    /// Whether it starts only with a `tls`: a zoo.cfg with `sslQuorum=true` is never taken for plain text.
    pub requires_tls: bool,
    /// How it leads and follows; `None` to hold elections alone, whose results nothing may rely on.
    pub leadership: Option<LeadershipConfig>,
}

/// Why a configuration is not consistent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum ConfigError {
    /// The node is not a member.
    #[error("id {me} is not a member: the members are {}", list(known))]
    NotAMember {
        /// The id that was given.
        me: ServerId,
        /// The ids there are.
        known: Vec<ServerId>,
    },
    /// A member cannot be reached.
    #[error("member {id} has no election address: a node needs one for every member, as host:port")]
    NoAddress { id: ServerId },
    /// A wait is too short or too long to be meant.
    #[error("{field} is {found:?}: expected {min:?} to {max:?}")]
    Wait {
        field: &'static str,
        /// How long it is.
        found: Duration,
        /// The shortest there may be.
        min: Duration,
        /// The longest there may be.
        max: Duration,
    },
    /// The shortest wait is longer than the longest.
    #[error("{} is {min:?}, above {} of {max:?}: expected at most that", fields.0, fields.1)]
    WaitOrder {
        /// Which two.
        fields: (&'static str, &'static str),
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// It is to speak TLS, and has nothing to do that with.
    #[error(
        "TLS is asked for, and there is no certificate: expected one in `tls` of the configuration (NodeTls), and a build with \
         the feature `tls`"
    )]
    NoTls,
    /// It would lead with a lease, and keeps nothing.
    #[error("a lease without a data directory: expected one, as a lease rests on what voters keep")]
    LeaseWithoutDirectory,
    /// It cannot be meant so.
    #[error(transparent)]
    Lease(#[from] LeaseProblem),
    /// The member list does not fit into a notification, so no vote could be said.
    #[error("a member list of {len} bytes: expected at most {}", CONFIG_TEXT_LEN_MAX)]
    MemberListTooLong {
        /// How long it is.
        len: usize,
    },
}

/// What is left of a frame for the member list, behind the fixed fields of a notification.
const CONFIG_TEXT_LEN_MAX: usize = Frame::LEN_MAX - 44;

/// Beside sockets: the standard streams, the runtime's, a file or two, and some to spare.
const OTHER_DESCRIPTORS: u64 = 64;

impl NodeConfig {
    /// One of these members, with an empty history and default timings.
    pub fn new(me: ServerId, membership: impl Into<Arc<Membership>>) -> Self {
        Self {
            me,
            membership: membership.into(),
            history: History::default(),
            config_text: Arc::from(""),
            timing: ElectionTiming::default(),
            network: NetworkTiming::default(),
            links: LinkTiming::default(),
            liveness: Liveness::default(),
            greet_with_all_addresses: false,
            listen_on_all_interfaces: false,
            listener: None,
            #[cfg(feature = "tls")]
            tls: None,
            requires_tls: false,
            leadership: None,
        }
    }

    /// With a leadership whose epochs are kept in this directory.
    #[must_use]
    pub fn data_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        let keep = Keep::InDirectory(directory.into());
        match &mut self.leadership {
            Some(leadership) => leadership.keep = keep,
            None => self.leadership = Some(LeadershipConfig::new(keep)),
        }
        self
    }

    /// With leases of this length: while this node leads, nobody else does before a deadline that it knows. Without one, another
    /// may lead while this node has not noticed yet that it is over.
    ///
    /// It is 950 ms (with pings of 200 ms) to 60 s. A leader that dies is followed by the next one only when its lease, and a little
    /// more, is over. See [`lease`](ballotbox_core::leadership::lease) for what it rests on.
    #[must_use]
    pub fn lease(mut self, length: Duration) -> Self {
        let leadership =
            self.leadership.get_or_insert_with(|| LeadershipConfig::new(Keep::Nowhere));
        leadership.timing.lease = Some(LeaseTerms { length, drift_ppm: leadership.drift_ppm });
        self
    }

    /// Where its epochs are kept, if that is on disk.
    pub fn data_directory(&self) -> Option<&Path> {
        match &self.leadership.as_ref()?.keep {
            Keep::InDirectory(path) | Keep::InZooKeepersDirectory(path) => Some(path),
            Keep::InMemory(_) | Keep::Nowhere => None,
        }
    }

    /// The folder in it with the node's own files, such as the socket `control`: beside a real server's files they have one of their own.
    pub fn own_directory(&self) -> Option<PathBuf> {
        match &self.leadership.as_ref()?.keep {
            Keep::InDirectory(path) => Some(path.clone()),
            Keep::InZooKeepersDirectory(path) => Some(path.join(Layout::ZooKeeper.own())),
            Keep::InMemory(_) | Keep::Nowhere => None,
        }
    }

    /// Who votes, and what counts as a quorum.
    pub fn ensemble(&self) -> &Arc<Ensemble> {
        self.membership.ensemble()
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.membership.get(self.me).is_none() {
            let known = self.membership.iter().map(|member| member.id).collect();
            return Err(ConfigError::NotAMember { me: self.me, known });
        }
        if self.requires_tls && self.tls().is_none() {
            return Err(ConfigError::NoTls);
        }
        let len = self.config_text.len();
        if len > CONFIG_TEXT_LEN_MAX {
            return Err(ConfigError::MemberListTooLong { len });
        }
        if let Some(member) = self.membership.iter().find(|member| member.election.is_empty()) {
            return Err(ConfigError::NoAddress { id: member.id });
        }
        waits::check(self)
    }

    /// How many descriptors a node needs when all members and as many strangers as it admits are connected to it.
    pub fn descriptors_needed(&self) -> u64 {
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let peers = count(self.ensemble().peers_of(self.me).count());
        // A name may have several addresses.
        let listeners = 4 * count(self.listen().len());
        let strangers = count(GREETINGS_OPEN_MAX + GUESTS_MAX);
        // For each peer its link, one that may replace it, and attempts at another one.
        let links = peers * (2 + count(ATTEMPTS_MAX));
        // A leader has a session with every member, and with strangers; a learner has one that may be replaced, and its attempts.
        let learners = count(self.membership.iter().count() + LEARNERS_SPARE_MAX);
        let sessions = if self.leadership.is_some() { learners + 3 } else { 0 };
        // The socket, one conversation too many, and the folder it was bound in.
        let control = if self.leadership.is_some() { count(CONVERSATIONS_MAX) + 3 } else { 0 };
        OTHER_DESCRIPTORS + listeners + strangers + links + sessions + control
    }

    /// Where this node listens, and what is spoken there.
    pub(crate) fn listen(&self) -> Vec<Listen> {
        let Some(member) = self.membership.get(self.me) else { return Vec::new() };
        let election = member.election.iter().map(|endpoint| (endpoint, Ports::Election));
        let quorum = member.followed_at().iter().map(|endpoint| (endpoint, Ports::Quorum));
        let quorum = quorum.filter(|_| self.leadership.is_some());
        let mut endpoints = BTreeMap::<Endpoint, Ports>::new();
        for (endpoint, ports) in election.chain(quorum) {
            let host = match endpoint.host.as_str() {
                host if !self.listen_on_all_interfaces => host,
                // Of either family, it takes in both.
                _ => "0.0.0.0",
            };
            let endpoint = Endpoint { host: host.to_owned(), port: endpoint.port };
            let spoken = endpoints.entry(endpoint).or_insert(ports);
            *spoken = spoken.and(ports);
        }
        let listen = |(endpoint, ports)| Listen { endpoint, ports, ready: None };
        endpoints.into_iter().map(listen).collect()
    }

    /// The network this node needs. Takes the ready listener out.
    pub(crate) fn network(&mut self) -> NetworkConfig {
        let own = self.membership.election(self.me).to_vec();
        let mut listen = self.listen();
        if let Some(first) = listen.iter_mut().find(|listen| listen.ports.has_election()) {
            first.ready = self.listener.take();
        }
        let form = match own.first() {
            Some(first) if !self.greet_with_all_addresses => GreetingForm::V1(first.clone()),
            Some(_) => GreetingForm::V2(own),
            None => GreetingForm::Bare,
        };
        NetworkConfig {
            me: self.me,
            greeting: Greeting { from: Some(self.me), form },
            listen,
            peers: self.peers(),
            quorum_peers: self.quorum_peers(),
            understands: |body| Notification::decode(body).is_ok(),
            tls: self.tls(),
            timing: self.network,
            links: self.links,
            liveness: self.liveness,
        }
    }

    #[cfg(feature = "tls")]
    fn tls(&self) -> Option<Tls> {
        self.tls.as_ref().map(|tls| tls.tls.clone())
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "as with TLS")]
    const fn tls(&self) -> Option<Tls> {
        None
    }

    fn quorum_peers(&self) -> BTreeMap<ServerId, Vec<Endpoint>> {
        let others = self.membership.iter().filter(|member| member.id != self.me);
        others.map(|member| (member.id, member.followed_at().to_vec())).collect()
    }

    fn peers(&self) -> BTreeMap<ServerId, Vec<Endpoint>> {
        let addresses = |id| self.membership.election(id).to_vec();
        self.ensemble().peers_of(self.me).map(|id| (id, addresses(id))).collect()
    }
}

fn list(ids: &[ServerId]) -> String {
    ids.iter().map(ServerId::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Member;

    fn config(quorum: &[&str]) -> NodeConfig {
        let me = ServerId::new(1).unwrap();
        let quorum = quorum.iter().map(|endpoint| endpoint.parse().unwrap()).collect();
        let member = Member { quorum, ..Member::voter(me) }.at("h:1".parse::<Endpoint>().unwrap());
        NodeConfig::new(me, Membership::new([member]).unwrap())
    }

    #[test]
    fn a_quorum_port_of_its_own_needs_descriptors_where_it_is_listened_at() {
        let alone = |quorum: &[&str]| config(quorum).descriptors_needed();
        assert_eq!(alone(&["h:2"]), alone(&[]), "without leadership nobody listens there");
        let leading = |quorum: &[&str]| config(quorum).data_dir("x").descriptors_needed();
        assert_eq!(leading(&["h:1"]), leading(&[]), "one address may be both ports");
        assert_eq!(leading(&["h:2"]), leading(&[]) + 4);
        assert_eq!(leading(&["h:2", "g:2"]), leading(&[]) + 8);
    }

    #[test]
    fn a_member_is_followed_at_its_election_address_unless_it_has_another_one_for_that() {
        let id = |number| ServerId::new(number).unwrap();
        let endpoint = |text: &str| text.parse::<Endpoint>().unwrap();
        let elsewhere = |number| Member {
            quorum: vec![endpoint("h:2")],
            ..Member::voter(id(number)).at(endpoint("h:1"))
        };
        let here = |number| Member::voter(id(number)).at(endpoint("h:1"));
        let observer = Member::observer(id(5)).at(endpoint("h:1"));
        let members = [elsewhere(1), elsewhere(2), here(3), observer];
        let membership = Arc::new(Membership::new(members).unwrap());
        let network = |me| {
            let mut config = NodeConfig::new(id(me), Arc::clone(&membership)).data_dir("x");
            config.network()
        };
        let from_voter = network(1).quorum_peers;
        assert_eq!(from_voter[&id(2)], [endpoint("h:2")]);
        assert_eq!(from_voter[&id(3)], [endpoint("h:1")]);
        assert_eq!(from_voter.keys().copied().collect::<Vec<_>>(), [2, 3, 5].map(id));
        let ports = |me| network(me).listen.into_iter().map(|l| (l.endpoint, l.ports));
        let (one, two) = (endpoint("h:1"), endpoint("h:2"));
        assert!(ports(1).eq([(one.clone(), Ports::Election), (two, Ports::Quorum)]));
        assert!(ports(3).eq([(one, Ports::Both)]));
    }
}
