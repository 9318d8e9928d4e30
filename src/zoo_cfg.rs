//! [`ZooCfg`]: the configuration file of a real ZooKeeper server, read as that server reads it.
//!
//! An operator can point at the file that is already there. What concerns elections is taken from it; what would
//! change safety or identity and is not supported is refused; everything else is listed as ignored, once. But all of it
//! is checked as `QuorumPeerConfig` of ZooKeeper 3.8 and 3.9 does, and everything that is wrong is told at once: an
//! error where we cannot take the file, a warning where we can, though a real server would not, or should not.
//!
//! | key | meaning | if missing |
//! | --- | --- | --- |
//! | `server.N`, `group.N`, `weight.N` | the members, see [`config_text`](crate::membership::config_text) | refused without any server |
//! | `dynamicConfigFile` | the members stand in that file, its suffix is their version in hexadecimal | they stand here |
//! | `dataDir` | its file `myid` holds the id of this server | refused |
//! | `tickTime` | the unit of `initLimit` and `syncLimit`, ms | 3000 |
//! | `initLimit`, `syncLimit` | ticks to get in step, ticks of silence before parting | refused with two voters or more |
//! | `cnxTimeout` | to connect for an election, ms | 5000 |
//! | `quorumCnxnTimeoutMs` | to greet for an election, ms | `tickTime` × `syncLimit` |
//! | `electionPortBindRetry` | attempts to bind the election port, 0: for ever | 3 |
//! | `tcpKeepAlive` | let the system probe idle election links | false |
//! | `fastleader.minNotificationInterval`, `…max…` | first and longest silence before a vote is said again, ms | 200, 60000 |
//! | `quorumListenOnAllIPs` | listen on every address of the host | false |
//! | `peerType` | the role of this server; the server line wins | participant |
//! | `multiAddress.enabled` | servers may have several addresses | false |
//! | `standaloneEnabled` | a single voter serves alone | true |
//! | `reconfigEnabled` | members may change at run time | false |
//! | `sslQuorum`, `portUnification` | speak TLS, take both TLS and plain text | false |
//! | `sslQuorumReloadCertFiles` | read keys and certificates again when they change | true |
//! | `ssl.quorum.keyStore.…`, `ssl.quorum.trustStore.…` | `location`, `type`, `password`, `passwordPath` of a file in PEM or PKCS#12 | refused with TLS |
//! | `ssl.quorum.hostnameVerification`, `….clientAuth` | what certificates have to say, and who has to show one | true, need |
//! | `ssl.quorum.enabledProtocols`, `….protocol`, `….ciphersuites` | what is spoken | TLS 1.2 and 1.3, all |
//! | `ssl.quorum.crl`, `….ocsp`, `….context.supplier.class` | refused with TLS | none |
//! | `quorum.auth.…RequireSasl` | refused if true | false |
//! | `quorum.auth.enableSasl` | a warning if true: what it allows is not required | false |
//! | `electionAlg`, `oraclePath` | refused unless 3; refused | 3; none |
//!
//! Relative paths start at the working directory, as they do there. Names are not looked up.

mod clients;
mod dynamic;
mod finding;
mod keys;
mod member_problem;
mod members;
mod my_id;
mod problem;
mod rest;
mod settings;
mod text;
mod tls;
mod unsupported;

use std::{
    fs::File,
    io::{self, Read},
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

#[cfg(feature = "tls")]
use ballotbox_actors::kit::clock;
use ballotbox_core::{ServerId, UntrustedText};

pub use self::{
    finding::{FINDINGS_MAX, Finding, Findings, Place, RealServer, Severity, ZooCfgError},
    member_problem::MemberProblem,
    problem::Problem,
};
use self::{members::Members, settings::Settings, text::Text};
#[cfg(feature = "tls")]
use crate::tls::{NodeTls, read_material};
use crate::{
    ElectionTiming, Membership, Role, membership::config_text::ConfigText, tls::TlsSettings,
};

/// How long a file may be, in bytes.
pub const FILE_LEN_MAX: usize = 1024 * 1024;

/// At most this many bytes of what is wrong with a file of keys are told: paths, and the command that mends it.
#[cfg(feature = "tls")]
const TLS_FINDING_MAX: usize = 4096;

/// Gives the bytes of a file, or `None` where there is none.
type Files<'a> = &'a dyn Fn(&Path) -> io::Result<Option<Vec<u8>>>;

/// What a zoo.cfg says of elections.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the file, under its own name"
)]
pub struct ZooCfg {
    /// The file it was read from.
    pub file: PathBuf,
    /// The members with their addresses, groups and weights, and the version of that list.
    pub config: ConfigText,
    /// The same members, with what follows for quorums.
    pub membership: Membership,
    /// Where this server keeps its data.
    pub data_dir: PathBuf,
    /// Which member this server is, if there is a `myid` file or [`identify`](Self::identify) was told.
    pub me: Option<ServerId>,
    /// The unit of the limits.
    pub tick_time: Duration,
    /// Ticks for a learner to connect to a leader and get in step.
    pub init_limit: u32,
    /// Ticks without a sign of life before leader and learner part.
    pub sync_limit: u32,
    /// How long connecting to an election port may take.
    pub cnx_timeout: Duration,
    /// How long a greeting on the election port may take.
    pub quorum_cnxn_timeout: Duration,
    /// How often to try to bind the election port; without end if `None`.
    pub election_port_bind_retry: Option<NonZeroU32>,
    /// Whether the system shall probe idle election links.
    pub tcp_keep_alive: bool,
    /// In silence, how long to wait before saying the vote again.
    pub min_notification_interval: Duration,
    /// That wait doubles up to this.
    pub max_notification_interval: Duration,
    /// Whether to listen on every address of the host instead of the configured ones.
    pub listen_on_all_ips: bool,
    /// What `peerType` says of this server, if anything; its server line counts.
    pub peer_type: Option<Role>,
    /// Whether servers may have several addresses.
    pub multi_address_enabled: bool,
    /// Whether a single voter would serve alone, without an election.
    pub standalone_enabled: bool,
    /// Whether the members may change at run time.
    pub reconfig_enabled: bool,
    /// TLS among the servers; `None` for plain text alone.
    pub tls: Option<TlsSettings>,
    /// Keys without effect here, by line.
    pub ignored: Vec<Ignored>,
    /// What should be looked at, though it is no error, by file and line.
    pub warnings: Vec<Finding>,
    peer_type_place: Place,
}

/// A key without effect here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ignored {
    /// The key.
    pub key: UntrustedText,
    /// Its line.
    pub line: usize,
}

impl ZooCfg {
    /// Reads a zoo.cfg and the files it names: the dynamic one and `myid`.
    ///
    /// # Errors
    ///
    /// [`ZooCfgError`], with everything that is wrong. A missing `myid` is no error: see
    /// [`identified`](Self::identified).
    pub fn read(path: &Path) -> Result<Self, ZooCfgError> {
        Self::parse(path, read_limited)
    }

    /// The same without touching the disk: `open` gives the bytes of a file, or `None` where there is none.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn parse(
        path: &Path,
        open: impl Fn(&Path) -> io::Result<Option<Vec<u8>>>,
    ) -> Result<Self, ZooCfgError> {
        let mut findings = Findings::default();
        let read = parse(path, &open, &mut findings);
        findings.finish();
        match read {
            Some(cfg) if findings.errors.is_empty() => {
                Ok(Self { warnings: findings.warnings, ..cfg })
            }
            _ => Err(ZooCfgError { findings: Box::new(findings) }),
        }
    }

    /// The file that holds the id of this server.
    pub fn my_id_file(&self) -> PathBuf {
        self.data_dir.join("myid")
    }

    /// Says which member this server is, whatever its `myid` file says.
    ///
    /// # Errors
    ///
    /// [`Problem::MyIdUnknown`] if the id is no member.
    pub fn identify(&mut self, id: ServerId) -> Result<(), ZooCfgError> {
        let Some(line) = self.config.servers.get(&id) else {
            let known = known(&self.config);
            return Err(Place::file(&self.file).error(Problem::MyIdUnknown { id, known }).into());
        };
        self.me = Some(id);
        if let Some(peer_type) = self.peer_type {
            let problem = MemberProblem::TwoRoles { id, peer_type, line: line.role };
            self.warnings.retain(|known| {
                !matches!(*known.problem, Problem::Members(MemberProblem::TwoRoles { .. }))
            });
            if peer_type != line.role {
                self.warnings.push(self.peer_type_place.clone().warning(problem));
            }
        }
        Ok(())
    }

    /// Which member this server is.
    ///
    /// # Errors
    ///
    /// [`Problem::MyIdMissing`] if there is no `myid` file and nobody [said it](Self::identify).
    pub fn identified(&self) -> Result<ServerId, ZooCfgError> {
        self.me.ok_or_else(|| {
            let known = known(&self.config);
            Place::file(&self.my_id_file()).error(Problem::MyIdMissing { known }).into()
        })
    }

    /// Reads the files with keys and certificates that it names, and adds what is wrong with them to the warnings: with the files, and with
    /// the name and the time of the certificate. They may well be good where the server is, and not here.
    #[cfg(feature = "tls")]
    pub fn look_at_tls_files(&mut self) {
        let Some(settings) = &self.tls else { return };
        for what in self.doubts_of(settings) {
            self.warnings.push(Place::file(&self.file).warning(Problem::TlsFiles { what }));
        }
    }

    #[cfg(feature = "tls")]
    fn doubts_of(&self, settings: &TlsSettings) -> Vec<UntrustedText> {
        let long =
            |error: &dyn std::error::Error| vec![UntrustedText::shortened(error, TLS_FINDING_MAX)];
        let (material, remarks) = match read_material(settings) {
            Ok(read) => read,
            Err(error) => return long(&error),
        };
        let mut found: Vec<_> = remarks.iter().map(UntrustedText::new).collect();
        match NodeTls::new(settings.clone(), material, &self.membership, []) {
            Ok(tls) => {
                let of_name = self.me.and_then(|me| tls.doubt_of_name(me));
                let doubts = of_name.into_iter().chain(tls.doubt_of_time(clock::time_of_day()));
                found.extend(doubts.map(|doubt| UntrustedText::shortened(doubt, TLS_FINDING_MAX)));
            }
            Err(error) => found.extend(long(&error)),
        }
        found
    }

    /// The waits of an election, as far as the file gives them.
    pub fn timing(&self) -> ElectionTiming {
        ElectionTiming {
            resend_min: self.min_notification_interval,
            resend_max: self.max_notification_interval,
            ..ElectionTiming::default()
        }
    }
}

/// Everything the file says, if enough of it can be read; `findings` has the last word on whether it is good.
fn parse(path: &Path, files: Files<'_>, findings: &mut Findings) -> Option<ZooCfg> {
    let text = Text::open(path, files, findings)?;
    let mut settings = Settings::new(text, findings);
    rest::check_waits(&settings, findings);
    let tls = tls::read(&mut settings, findings);
    unsupported::check(&mut settings, findings);
    let multi_address_enabled = settings.switch("multiAddress.enabled", false, findings);
    let standalone_enabled = settings.switch("standaloneEnabled", true, findings);
    let members = members(path, &mut settings, files, findings);
    let look_alikes = look_alikes(&settings);
    let membership = members.as_ref().and_then(|members| {
        members.check(multi_address_enabled, standalone_enabled, &look_alikes, findings)
    });
    let voters = membership.as_ref().map_or(0, |members| members.ensemble().voters().count());
    let distributed = !standalone_enabled || voters > 1;
    let data_dir = data_dir(&mut settings, findings);

    let tick_time = settings.positive("tickTime", findings).unwrap_or(3000);
    let tick_time = Duration::from_millis(tick_time.into());
    let init_limit = ticks(&mut settings, "initLimit", distributed, 10, findings);
    let sync_limit = ticks(&mut settings, "syncLimit", distributed, 5, findings);
    let peer_type = settings.peer_type(findings);
    let reconfig_enabled = reconfig_enabled(&mut settings, findings);
    let (min_notification_interval, max_notification_interval) = settings.intervals(findings);
    let cnx_timeout = settings.cnx_timeout(findings);
    let quorum_cnxn_timeout = settings
        .quorum_cnxn_timeout(findings)
        .unwrap_or_else(|| tick_time.saturating_mul(sync_limit));
    let election_port_bind_retry = settings.bind_retry(findings);
    let tcp_keep_alive = settings.flag("tcpKeepAlive", findings);
    let listen_on_all_ips = settings.switch("quorumListenOnAllIPs", false, findings);

    let me = members
        .as_ref()
        .zip(data_dir.as_deref())
        .and_then(|(members, dir)| my_id(dir, members, files, findings));
    if let Some(members) = &members {
        clients::check(&settings, members, me, findings);
        let line = me.and_then(|me| Some((me, members.config.servers.get(&me)?.role)));
        if let (Some((id, line)), Some((peer_type, place))) = (line, &peer_type)
            && *peer_type != line
        {
            let problem = MemberProblem::TwoRoles { id, peer_type: *peer_type, line };
            findings.push(place.clone().warning(problem));
        }
    }
    let ignored = rest::check(&settings, findings);
    let (peer_type, peer_type_place) = match peer_type {
        Some((role, place)) => (Some(role), place),
        None => (None, Place::file(path)),
    };
    Some(ZooCfg {
        file: path.to_owned(),
        config: members?.config,
        membership: membership?,
        data_dir: data_dir?,
        me,
        tick_time,
        init_limit,
        sync_limit,
        cnx_timeout,
        quorum_cnxn_timeout,
        election_port_bind_retry,
        tcp_keep_alive,
        min_notification_interval,
        max_notification_interval,
        listen_on_all_ips,
        peer_type,
        multi_address_enabled,
        standalone_enabled,
        reconfig_enabled,
        tls,
        ignored,
        warnings: Vec::new(),
        peer_type_place,
    })
}

/// The members: here, or in a file of their own.
fn members(
    path: &Path,
    settings: &mut Settings,
    files: Files<'_>,
    findings: &mut Findings,
) -> Option<Members> {
    let Some(entry) = settings.take("dynamicConfigFile") else {
        return Some(Members::new(path, settings.take_members(), findings));
    };
    rest::check_text(settings.at(&entry), &entry, findings);
    dynamic::refuse_members(settings, findings);
    dynamic::members(path, Path::new(&entry.value), files, findings)
}

/// Lines whose key is unknown and looks like that of a server.
fn look_alikes(settings: &Settings) -> Vec<usize> {
    let unknown = settings.left.values().filter(|entry| keys::kind(&entry.key).is_none());
    let mut lines: Vec<_> =
        unknown.filter(|entry| rest::looks_like_server(entry)).map(|entry| entry.line).collect();
    lines.sort_unstable();
    lines
}

fn data_dir(settings: &mut Settings, findings: &mut Findings) -> Option<PathBuf> {
    let missing = Problem::Missing { key: "dataDir", why: "it holds the id of this server" };
    let Some(entry) = settings.take("dataDir") else {
        if !findings.has_syntax_errors() {
            findings.push(Place::file(&settings.file).error(missing));
        }
        return None;
    };
    let place = settings.at(&entry);
    if entry.value.is_empty() {
        findings.push(place.error(missing));
        return None;
    }
    rest::check_dir(place, &entry, findings);
    Some(PathBuf::from(entry.value))
}

/// A number of ticks, more than none, which an ensemble needs.
fn ticks(
    settings: &mut Settings,
    key: &'static str,
    needed: bool,
    missing: u32,
    findings: &mut Findings,
) -> u32 {
    let found = settings.left.contains_key(key);
    if !found && needed && !findings.has_syntax_errors() {
        let why = "two servers or more need it, a number of ticks";
        let place = Place::file(&settings.file);
        findings.push(place.error(Problem::Missing { key, why }));
    }
    settings.positive(key, findings).unwrap_or(missing)
}

fn reconfig_enabled(settings: &mut Settings, findings: &mut Findings) -> bool {
    const KEY: &str = "reconfigEnabled";
    let line = settings.left.get(KEY).map(|entry| entry.line);
    let enabled = settings.switch(KEY, false, findings);
    if enabled {
        let place = Place { file: settings.file.clone(), line };
        findings.push(place.warning(Problem::ReconfigEnabled));
    }
    enabled
}

/// Which member this server is, if its file says so.
fn my_id(
    dir: &Path,
    members: &Members,
    files: Files<'_>,
    findings: &mut Findings,
) -> Option<ServerId> {
    let path = dir.join("myid");
    let known = known(&members.config);
    let bytes = match text::bytes(&path, files) {
        Ok(bytes) => bytes?,
        Err(finding) => {
            findings.push(finding);
            return None;
        }
    };
    let id = my_id::parse(&path, &bytes, known.clone(), findings)?;
    if !members.config.servers.contains_key(&id) {
        // A real server takes the file, and dies when it does not find itself.
        let place = Place::line(&path, 1);
        findings.push(place.error_here(Problem::MyIdUnknown { id, known }));
        return None;
    }
    Some(id)
}

fn known(config: &ConfigText) -> UntrustedText {
    let ids: Vec<String> = config.servers.keys().map(ServerId::to_string).collect();
    ids.join(", ").into()
}

/// Whether ZooKeeper takes this key for one about members.
fn is_member(key: &str) -> bool {
    key.starts_with("server.") || key.starts_with("group") || key.starts_with("weight")
}

/// The bytes of a file, one more than the limit at most.
fn read_limited(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_LEN_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
