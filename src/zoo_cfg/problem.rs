//! [`Problem`]: what can be wrong with a zoo.cfg, in words.

use super::{FILE_LEN_MAX, MemberProblem};
use crate::membership::config_text::{ConfigTextError, ConfigVersion, SyntaxError};
use ballotbox_core::{Endpoint, ServerId, UntrustedText, membership::slip::Slip};

/// What is wrong with a file, or should be looked at.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum Problem {
    /// There is more of it than is told.
    #[error("and {count} more")]
    More {
        /// How many.
        count: usize,
    },

    // The file.
    /// There is no such file.
    #[error("there is no such file")]
    NoFile,
    /// It cannot be read.
    #[error("it cannot be read: {why}")]
    Unreadable {
        /// What the system said.
        why: UntrustedText,
    },
    /// It is too long.
    #[error("it is longer than {FILE_LEN_MAX} bytes: expected a configuration file")]
    TooLong,
    /// It holds a zero byte.
    #[error("it holds a zero byte: expected a text file in ASCII, UTF-8 or ISO-8859-1")]
    NotText,
    /// It is in UTF-16.
    #[error(
        "it is in UTF-16, as some editors and shells of Windows write it: save it in ASCII or UTF-8"
    )]
    Utf16,
    /// It begins with a byte order mark.
    #[error(
        "it begins with a byte order mark, which becomes a part of its first key, `{key}`: save it without one"
    )]
    ByteOrderMark {
        /// The key with the mark.
        key: UntrustedText,
    },
    /// A line holds UTF-8.
    #[error("it is read as UTF-8 here, and as ISO-8859-1 by ZooKeeper")]
    NotAscii,

    // The syntax.
    /// It is not in the syntax of properties.
    #[error("{}", SyntaxError::what(&.0.found))]
    Syntax(SyntaxError),
    /// A backslash that nothing needed.
    #[error(
        "{key} is read as `{value}`: a single backslash begins an escape, and is gone; write / or \\\\ in a path"
    )]
    Backslash {
        key: UntrustedText,
        /// What is left of the value.
        value: UntrustedText,
    },
    /// A backslash at the end of a line that joined another entry to it.
    #[error(
        "{key} goes on in line {line}, because a backslash ends the line before: write / or \\\\ in a path"
    )]
    Swallowed {
        key: UntrustedText,
        /// The line that belongs to it now.
        line: usize,
    },
    /// A key is there twice.
    #[error("{key} was set in line {earlier} already: the last one counts")]
    Repeated {
        key: UntrustedText,
        /// The line that does not count.
        earlier: usize,
    },
    /// A key holds what cannot be seen, so it is another key.
    #[error(
        "the key `{key}` holds an invisible character, so it is not the key it seems to be: take it out"
    )]
    InvisibleInKey { key: UntrustedText },
    /// A key that is unknown and looks like one that is known.
    #[error("`{key}` is not a key of ZooKeeper: did you mean {meant}?")]
    UnknownKey {
        /// The key as found.
        key: UntrustedText,
        /// The key that looks like it.
        meant: String,
    },
    /// A key with something of a template in it.
    #[error("the key `{key}` was not filled in: it looks like a part of a template")]
    LeftInKey { key: UntrustedText },
    /// Something got into a value by mistake.
    #[error("{key} is `{value}`: {slip}")]
    Slip {
        key: UntrustedText,
        value: UntrustedText,
        /// What got into it.
        slip: Slip,
    },

    // Values.
    /// A number is none.
    #[error("{key} is `{found}`: expected a whole number up to {max}{}", because(slip.as_ref()))]
    Number {
        key: UntrustedText,
        found: UntrustedText,
        /// The largest number that Java reads there.
        max: i64,
        /// What got into it, if that is clear.
        slip: Option<Slip>,
    },
    /// A number is out of range.
    #[error("{key} is {found}: expected a number from {min} to {max}")]
    Range {
        key: UntrustedText,
        found: i64,
        /// The smallest valid number.
        min: i64,
        /// The largest valid number.
        max: i64,
    },
    /// A number that a real server does not miss, as it takes its default.
    #[error("{key} is `{found}`, which is no number, so its default counts{}", because(slip.as_ref()))]
    DefaultCounts {
        key: UntrustedText,
        found: UntrustedText,
        /// What got into it, if that is clear.
        slip: Option<Slip>,
    },
    /// A number that a real server reads late.
    #[error(
        "{key} is `{found}`: expected a whole number; a real server takes the file and dies of it later{}",
        because(slip.as_ref())
    )]
    LateNumber {
        key: UntrustedText,
        found: UntrustedText,
        /// What got into it, if that is clear.
        slip: Option<Slip>,
    },
    /// A number with a plus, zeros in front, or in another base.
    #[error("{key} is `{found}`, which is read as {read}")]
    OddNumber {
        key: UntrustedText,
        /// As written.
        found: UntrustedText,
        /// As read.
        read: i64,
    },
    /// A switch is neither on nor off.
    #[error("{key} is `{found}`: expected true or false{}", because(slip.as_ref()))]
    Boolean {
        key: UntrustedText,
        found: UntrustedText,
        /// What got into it, if that is clear.
        slip: Option<Slip>,
    },
    /// A switch that is off because it is not exactly on.
    #[error("{key} is `{found}`, and everything but true is taken for false")]
    Flag { key: UntrustedText, found: UntrustedText },
    /// A wait that is short for milliseconds.
    #[error("{key} is {found} ms: if seconds are meant, write {}", found * 1000)]
    Short {
        key: UntrustedText,
        /// The wait, ms.
        found: i64,
    },
    /// A relative directory that is too short for a real server.
    #[error(
        "{key} is `{found}`: a relative path has to have two characters at least, so write it absolute"
    )]
    ShortPath { key: UntrustedText, found: UntrustedText },
    /// What should be the name of a class is none.
    #[error("{key} is `{found}`, which is not the name of a Java class")]
    Class { key: UntrustedText, found: UntrustedText },
    /// `peerType` is no role.
    #[error("peerType is `{found}`: expected participant or observer{}", because(slip.as_ref()))]
    PeerType {
        found: UntrustedText,
        /// What got into it, if that is clear.
        slip: Option<Slip>,
    },
    /// A key that is needed is missing or empty.
    #[error("{key} is not set: {why}")]
    Missing {
        key: &'static str,
        /// What it is needed for.
        why: &'static str,
    },
    /// The shortest wait exceeds the longest.
    #[error(
        "fastleader.minNotificationInterval is {min} ms, more than fastleader.maxNotificationInterval, {max} ms: \
         expected at most as much"
    )]
    Intervals {
        /// The shortest wait, ms.
        min: u128,
        /// The longest wait, ms.
        max: u128,
    },
    /// The shortest session exceeds the longest.
    #[error(
        "the shortest session, minSessionTimeout, is {min} ms, and the longest, maxSessionTimeout, {max} ms: expected it \
         the other way round; without these lines they are 2 and 20 times tickTime, in 32 bits"
    )]
    Sessions {
        /// The shortest session, ms.
        min: i32,
        /// The longest session, ms.
        max: i32,
    },
    /// The number of attempts to bind is negative.
    #[error("electionPortBindRetry is {found}: using 3, as ZooKeeper does; 0 means without end")]
    NegativeBindRetry { found: i64 },

    // What we cannot do.
    /// Something that changes safety or identity, and that we cannot do.
    #[error("{key}={value} is not supported: {why}; expected {expected}")]
    Unsupported {
        key: UntrustedText,
        /// Its value.
        value: UntrustedText,
        /// Why it cannot be ignored.
        why: &'static str,
        /// What would do.
        expected: &'static str,
    },
    /// Another election algorithm.
    #[error("electionAlg is {found}: expected 3, FastLeaderElection, or no such line")]
    ElectionAlg { found: i64 },
    /// The servers speak plain text, and take TLS as well, which we cannot.
    #[error(
        "with portUnification=true and without sslQuorum the servers speak plain text and take TLS as well; ballotbox takes plain \
         text only, for the reasons told here, so mend them before any server has sslQuorum=true"
    )]
    PlainTextOnly,
    /// Files for TLS are missing.
    #[error(
        "TLS among the servers needs {keys}: the files with the key and the certificate of this server, and with the authority of all \
         servers; among the Java options of a real server ballotbox cannot see them, so write them here"
    )]
    NoStore {
        /// The keys that are not set.
        keys: &'static str,
    },
    /// A word is none of those that are known.
    #[error("{key} is `{found}`: expected {expected}")]
    Word {
        key: UntrustedText,
        found: UntrustedText,
        /// The words that are known.
        expected: &'static str,
    },
    /// The kind of a store is not told.
    #[error(
        "the end of this name does not tell what the file is: it is read as what is in it, and real servers want {key} then"
    )]
    KindUntold { key: UntrustedText },
    /// Certificates need not name their members.
    #[error(
        "ssl.quorum.hostnameVerification=false: with any certificate of the authority one server can pass for every other one; \
         expected true, and certificates that name the hosts in the server lines"
    )]
    NamesUnchecked,
    /// Certificates of members that dial need not name them.
    #[error(
        "ssl.quorum.clientHostnameVerification=false: ballotbox checks the name of a server that dials all the same, by the hosts in \
         its server line and without any look-up"
    )]
    ClientNamesUnchecked,
    /// Members that dial need not show a certificate.
    #[error(
        "ssl.quorum.clientAuth is {found}: any client that reaches the port can then vote under the id of a server; expected need"
    )]
    ClientAuth { found: UntrustedText },
    /// Names are to be looked up by addresses.
    #[error(
        "ssl.quorum.allowReverseDnsLookup=true: ballotbox never does this, as the DNS would say then who is let in"
    )]
    ReverseLookup,
    /// Versions of TLS that we do not have.
    #[error("{key} lists {left_out}, which ballotbox does not speak; the rest remains")]
    VersionsLeftOut { key: UntrustedText, left_out: UntrustedText },
    /// Cipher suites that we do not have.
    #[error(
        "ssl.quorum.ciphersuites lists {left_out}, which ballotbox does not have; the rest remains, so make sure that the \
         other servers have some of them"
    )]
    SuitesLeftOut { left_out: UntrustedText },
    /// No cipher suite that we have.
    #[error(
        "ssl.quorum.ciphersuites is `{found}`, of which ballotbox has none for the versions of TLS in use: expected at least one of {expected}"
    )]
    NoSuite {
        found: UntrustedText,
        /// The ones there are.
        expected: UntrustedText,
    },
    /// The files with keys and certificates cannot be used as they are here and now, or should be looked at.
    #[error("{what}")]
    TlsFiles { what: UntrustedText },
    /// The servers would authenticate each other, but need not.
    #[error(
        "quorum.auth.enableSasl=true: the servers take those who do not authenticate themselves as long as neither \
         learners nor servers require it, and ballotbox is one of these"
    )]
    SaslNotRequired,
    /// A server requires what is not switched on.
    #[error("{key}=true needs {needed}=true as well")]
    SaslIncomplete {
        key: &'static str,
        /// The key that is not true.
        needed: &'static str,
    },
    /// Members may change at run time.
    #[error("reconfigEnabled=true: member lists changed at run time are reported, not adopted")]
    ReconfigEnabled,

    // Members.
    /// It is about members.
    #[error(transparent)]
    Members(#[from] MemberProblem),

    // Clients.
    /// An address for clients without a port.
    #[error("{key} is set and {port} is not: expected both, or neither")]
    AddressWithoutPort {
        /// The key of the address.
        key: &'static str,
        /// The key of the port.
        port: &'static str,
    },
    /// An address for clients that is none.
    #[error("{key} is `{found}`: expected an address or the name of one{}", because(slip.as_ref()))]
    ClientAddress {
        key: &'static str,
        found: UntrustedText,
        /// What got into it, if that is clear.
        slip: Option<Slip>,
    },
    /// Two client ports for one server.
    #[error(
        "clients are to come to {here} by this line, and to {there} by the line of server {id}: expected the same, or one \
         of them"
    )]
    ClientPorts {
        /// What `clientPort` and `clientPortAddress` say.
        here: Endpoint,
        /// What the server line says.
        there: Endpoint,
        id: ServerId,
    },
    /// A port that has two purposes.
    #[error(
        "port {port} is for clients, and {other} as well: a server that starts cannot have both"
    )]
    PortTaken {
        port: u16,
        /// The other purpose.
        other: &'static str,
    },
    /// The provider of certificates is not there.
    #[error("ssl.authProvider is `{scheme}`: expected a line authProvider.{scheme} with its class")]
    NoAuthProvider {
        /// The provider.
        scheme: UntrustedText,
    },

    // The dynamic file.
    /// With a dynamic file, members may not stand in the main one.
    #[error("{key} stands beside dynamicConfigFile: expected it in the dynamic file")]
    BesideDynamicFile { key: UntrustedText },
    /// The dynamic file holds something else than members.
    #[error("{key} stands in the dynamic file: expected only server.N, group.N and weight.N there")]
    InDynamicFile { key: UntrustedText },
    /// The dynamic file holds a version.
    #[error("version stands in the dynamic file: expected it as the suffix of the file's name")]
    VersionInDynamicFile,
    /// The suffix of the dynamic file is a negative number.
    #[error(
        "the suffix of the file's name is a negative number: expected a version from 0 to {:x}",
        i64::MAX
    )]
    NegativeVersion,
    /// Another member list is proposed.
    #[error(
        "a member list of version {proposed} is proposed and not committed, ours is version {ours}: real servers elect \
         only with a quorum of both lists, and ballotbox knows one; finish the reconfiguration, or remove the file"
    )]
    Proposal {
        /// The version proposed.
        proposed: ConfigVersion,
        /// The version in force.
        ours: ConfigVersion,
    },
    /// A proposed member list cannot be read.
    #[error("the member list that is proposed there cannot be read: {0}")]
    ProposalUnreadable(ConfigTextError),

    // The id.
    /// There is no `myid` file.
    #[error("there is no such file: expected the id of this server in it, one of {known}")]
    MyIdMissing {
        /// The ids of the members.
        known: UntrustedText,
    },
    /// `myid` holds no id.
    #[error("`{found}` is not a server id: expected one of {known}{}", because(slip.as_ref()))]
    MyIdNotANumber {
        found: UntrustedText,
        /// The ids of the members.
        known: UntrustedText,
        /// What got into it, if that is clear.
        slip: Option<Slip>,
    },
    /// `myid` holds blanks beside the id.
    #[error("`{found}` has a blank beside the id, which is not trimmed: take it out")]
    MyIdBlank { found: UntrustedText },
    /// `myid` holds the id of nobody.
    #[error("server {id} is not in the member list: expected one of {known}")]
    MyIdUnknown {
        id: ServerId,
        /// The ids of the members.
        known: UntrustedText,
    },
}

fn because(slip: Option<&Slip>) -> String {
    slip.map_or_else(String::new, |slip| format!("; {slip}"))
}
