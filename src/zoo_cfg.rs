//! [`ZooCfg`]: the configuration file of a real ZooKeeper server, read as that server reads it.
//!
//! An operator can point at the file that is already there. What concerns elections is taken from it; what would
//! change safety or identity and is not supported is refused; everything else is listed as ignored, once.
//!
//! | key | meaning | if missing |
//! | --- | --- | --- |
//! | `server.N`, `group.N`, `weight.N` | the members, see [`config_text`](crate::config_text) | refused without any server |
//! | `dynamicConfigFile` | the members stand in that file, its suffix is their version in hexadecimal | they stand here |
//! | `dataDir` | its file `myid` holds the id of this server | refused |
//! | `tickTime` | the unit of `initLimit` and `syncLimit`, ms | 3000 |
//! | `initLimit`, `syncLimit` | ticks to get in step, ticks without a word before parting | refused with two voters or more |
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
//! | `sslQuorum`, `portUnification`, `quorum.auth.*` | refused if true | false |
//! | `electionAlg`, `oraclePath` | refused unless 3; refused | 3; none |
//!
//! Keys and meanings are those of ZooKeeper's `QuorumPeerConfig`. Relative paths start at the working directory, as
//! they do there. Unlike ZooKeeper, switches that it reads as Java system properties may only be `true` or `false`,
//! an address may not belong to two servers, and a group may only name voters.

mod error;
mod members;
mod node;
mod settings;

use std::{
    fs::File,
    io::{self, Read},
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use ballotbox_actors::{ServerId, UntrustedText};

pub use self::error::{Caveat, Place, Problem, Warning, ZooCfgError};
use self::{
    members::Members,
    settings::{Settings, Text},
};
use crate::{
    config_text::{ConfigText, ConfigVersion},
    ensemble::{Ensemble, Role},
    timing::Timing,
};

/// How long a file may be, in bytes.
pub const FILE_LEN_MAX: usize = 1024 * 1024;

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
    /// The same members, as far as votes and quorums go.
    pub ensemble: Ensemble,
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
    /// Keys without effect here, by line.
    pub ignored: Vec<Ignored>,
    /// What to look at, though it is no error.
    pub warnings: Vec<Warning>,
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
    /// [`ZooCfgError`], naming file and line. A missing `myid` is none: see [`identified`](Self::identified).
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
        let main = Text::open(path, &open)?;
        let mut warnings = main.warnings.clone();
        let mut settings = Settings::new(main, &mut warnings);
        settings.refuse_unsupported()?;
        let multi_address_enabled = settings.boolean("multiAddress.enabled")?.unwrap_or(false);
        let standalone_enabled = settings.boolean("standaloneEnabled")?.unwrap_or(true);

        let members = match settings.take("dynamicConfigFile") {
            None => Members::new(path, settings.take_members())?,
            Some(entry) => {
                settings.refuse_members()?;
                dynamic_members(path, Path::new(&entry.value), &open, &mut warnings)?
            }
        };
        let ensemble = members.check(multi_address_enabled, standalone_enabled, &mut warnings)?;
        let data_dir = settings.required("dataDir", "it holds the id of this server")?;
        let distributed = !standalone_enabled || ensemble.voters().count() > 1;

        let tick_time = settings.millis("tickTime", 3000)?;
        let init_limit = settings.ticks("initLimit", distributed, 10)?;
        let sync_limit = settings.ticks("syncLimit", distributed, 5)?;
        let (peer_type, peer_type_place) = settings.peer_type()?;
        let reconfig_enabled = settings.boolean("reconfigEnabled")?.unwrap_or(false);
        if reconfig_enabled {
            warnings.push(Place::file(path).warn(Caveat::ReconfigEnabled));
        }
        let (min_notification_interval, max_notification_interval) = settings.intervals()?;
        let mut cfg = Self {
            file: path.to_owned(),
            config: members.config,
            ensemble,
            me: None,
            tick_time,
            init_limit,
            sync_limit,
            cnx_timeout: settings.millis("cnxTimeout", 5000)?,
            quorum_cnxn_timeout: settings
                .optional_millis("quorumCnxnTimeoutMs")?
                .unwrap_or_else(|| tick_time.saturating_mul(sync_limit)),
            election_port_bind_retry: settings.bind_retry(&mut warnings)?,
            tcp_keep_alive: settings.boolean("tcpKeepAlive")?.unwrap_or(false),
            min_notification_interval,
            max_notification_interval,
            listen_on_all_ips: settings.boolean("quorumListenOnAllIPs")?.unwrap_or(false),
            peer_type,
            multi_address_enabled,
            standalone_enabled,
            reconfig_enabled,
            ignored: settings.into_ignored(&mut warnings)?,
            warnings,
            peer_type_place,
            data_dir: PathBuf::from(data_dir.value),
        };
        if let Some(bytes) = open_some(&cfg.my_id_file(), &open)? {
            let id = cfg.parse_my_id(&bytes)?;
            cfg.identify_by(Place::line(&cfg.my_id_file(), 1), id)?;
        }
        cfg.warnings.sort_by(|one, other| one.place.cmp(&other.place));
        Ok(cfg)
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
        let place = Place::file(&self.file);
        self.identify_by(place, id)
    }

    /// Which member this server is.
    ///
    /// # Errors
    ///
    /// [`Problem::MyIdMissing`] if there is no `myid` file and nobody [said it](Self::identify).
    pub fn identified(&self) -> Result<ServerId, ZooCfgError> {
        self.me.ok_or_else(|| {
            let known = self.known();
            Place::file(&self.my_id_file()).error(Problem::MyIdMissing { known })
        })
    }

    /// The waits of an election, as far as the file gives them.
    pub fn timing(&self) -> Timing {
        Timing {
            resend_min: self.min_notification_interval,
            resend_max: self.max_notification_interval,
            ..Timing::default()
        }
    }

    /// The same, as said in this place.
    fn identify_by(&mut self, place: Place, id: ServerId) -> Result<(), ZooCfgError> {
        let Some(line) = self.config.servers.get(&id) else {
            let known = self.known();
            return Err(place.error(Problem::MyIdUnknown { id, known }));
        };
        self.me = Some(id);
        if let Some(peer_type) = self.peer_type
            && peer_type != line.role
        {
            let caveat = Caveat::PeerType { id, peer_type, line: line.role };
            self.warnings.push(self.peer_type_place.clone().warn(caveat));
        }
        Ok(())
    }

    fn parse_my_id(&self, bytes: &[u8]) -> Result<ServerId, ZooCfgError> {
        let text = String::from_utf8_lossy(bytes);
        let found = text.lines().next().unwrap_or_default().trim();
        let plain = found.bytes().all(|byte| byte.is_ascii_digit());
        match found.parse().ok().and_then(ServerId::new) {
            Some(id) if plain => Ok(id),
            _ => Err(Place::line(&self.my_id_file(), 1)
                .error(Problem::MyIdNotANumber { found: found.into(), known: self.known() })),
        }
    }

    fn known(&self) -> UntrustedText {
        let ids: Vec<String> = self.config.servers.keys().map(ServerId::to_string).collect();
        ids.join(", ").into()
    }
}

/// The members in a file of their own, and none proposed beyond them.
fn dynamic_members(
    main: &Path,
    path: &Path,
    open: &impl Fn(&Path) -> io::Result<Option<Vec<u8>>>,
    warnings: &mut Vec<Warning>,
) -> Result<Members, ZooCfgError> {
    let text = Text::open(path, open)?;
    warnings.extend(text.warnings.iter().cloned());
    let mut settings = Settings::new(text, warnings);
    if let Some(entry) = settings.take("version") {
        return Err(Place::line(path, entry.line).error(Problem::VersionInDynamicFile));
    }
    let entries = settings.take_members();
    settings.refuse_rest()?;
    let mut members = Members::new(path, entries)?;
    let name = path.file_name().map(|name| name.to_string_lossy());
    let suffix = name.as_deref().and_then(|name| name.rsplit_once('.'));
    members.config.version =
        suffix.and_then(|(_, digits)| ConfigVersion::from_hex(digits)).unwrap_or_default();
    refuse_proposal(main, members.config.version, open)?;
    Ok(members)
}

/// A member list that is proposed and not committed needs quorums of both lists. We know only one.
fn refuse_proposal(
    main: &Path,
    ours: ConfigVersion,
    open: &impl Fn(&Path) -> io::Result<Option<Vec<u8>>>,
) -> Result<(), ZooCfgError> {
    let mut path = main.as_os_str().to_owned();
    path.push(".dynamic.next");
    let path = PathBuf::from(path);
    let Some(bytes) = open_some(&path, open)? else {
        return Ok(());
    };
    let problem = match ConfigText::parse(&String::from_utf8_lossy(&bytes)) {
        Ok(proposed) if proposed.version <= ours => return Ok(()),
        Ok(proposed) => Problem::Proposal { proposed: proposed.version, ours },
        Err(error) => Problem::MemberList(error),
    };
    Err(Place::file(&path).error(problem))
}

/// The bytes of a file that may be missing, within the limit.
fn open_some(
    path: &Path,
    open: &impl Fn(&Path) -> io::Result<Option<Vec<u8>>>,
) -> Result<Option<Vec<u8>>, ZooCfgError> {
    let problem = match open(path) {
        Ok(Some(bytes)) if bytes.len() > FILE_LEN_MAX => Problem::TooLong,
        Ok(found) => return Ok(found),
        Err(error) => Problem::Unreadable { why: error.into() },
    };
    Err(Place::file(path).error(problem))
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
