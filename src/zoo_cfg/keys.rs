//! The keys that real servers know, what each of them expects, and which one somebody may have meant.

/// What a real server expects behind a key, and what it does with anything else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A number that fits 32 bits; it refuses the file otherwise.
    Int,
    /// A number that fits 64 bits; it refuses the file otherwise.
    Long,
    /// A port, 0 to 65535; it refuses the file otherwise.
    Port,
    /// `true` or `false`; it refuses the file otherwise.
    Switch,
    /// A directory; it dies of a relative one that is shorter than two characters.
    Dir,
    /// The name of a class that must be there.
    Class,
    /// An address of this machine.
    Address,
    /// A number; it takes its default otherwise, and says nothing.
    Property,
    /// A number that it reads only when it needs it, and then dies of anything else.
    LateInt,
    /// A switch; everything but `true` is off.
    Flag,
    /// Anything.
    Text,
}

use Kind::{Address, Class, Dir, Flag, Int, LateInt, Long, Port, Property, Switch, Text};

/// All keys except those that contain a number or a free name: those of `QuorumPeerConfig`, then the properties
/// that a server reads with `zookeeper.` in front, in 3.8 and 3.9.
const KEYS: &[(&str, Kind)] = &[
    ("autopurge.purgeInterval", Int),
    ("autopurge.snapRetainCount", Int),
    ("clientPort", Port),
    ("clientPortAddress", Address),
    ("clientPortListenBacklog", Int),
    ("connectToLearnerMasterLimit", Int),
    ("dataDir", Dir),
    ("dataLogDir", Dir),
    ("dynamicConfigFile", Text),
    ("electionAlg", Int),
    ("initLimit", Int),
    ("jvm.pause.info-threshold.ms", Long),
    ("jvm.pause.monitor", Switch),
    ("jvm.pause.sleep.time.ms", Long),
    ("jvm.pause.warn-threshold.ms", Long),
    ("localSessionsEnabled", Switch),
    ("localSessionsUpgradingEnabled", Switch),
    ("maxClientCnxns", Int),
    ("maxSessionTimeout", Int),
    ("metricsProvider.className", Class),
    ("minSessionTimeout", Int),
    ("multiAddress.enabled", Switch),
    ("multiAddress.reachabilityCheckEnabled", Switch),
    ("multiAddress.reachabilityCheckTimeoutMs", Int),
    ("observerMasterPort", Int),
    ("oraclePath", Text),
    ("peerType", Text),
    ("portUnification", Switch),
    ("quorum.auth.enableSasl", Switch),
    ("quorum.auth.kerberos.servicePrincipal", Text),
    ("quorum.auth.learner.saslLoginContext", Text),
    ("quorum.auth.learnerRequireSasl", Switch),
    ("quorum.auth.server.saslLoginContext", Text),
    ("quorum.auth.serverRequireSasl", Switch),
    ("quorum.cnxn.threads.size", Int),
    ("quorumListenOnAllIPs", Switch),
    ("reconfigEnabled", Switch),
    ("secureClientPort", Port),
    ("secureClientPortAddress", Address),
    ("sslQuorum", Switch),
    ("sslQuorumReloadCertFiles", Switch),
    ("standaloneEnabled", Switch),
    ("syncEnabled", Switch),
    ("syncLimit", Int),
    ("tickTime", Int),
    ("version", Text),
    // Properties.
    ("4lw.commands.whitelist", Text),
    ("DigestAuthenticationProvider.digestAlg", Text),
    ("DigestAuthenticationProvider.enabled", Flag),
    ("DigestAuthenticationProvider.superDigest", Text),
    ("IPAuthenticationProvider.usexforwardedfor", Flag),
    ("SASLAuthenticationProvider.superPassword", Text),
    ("X509AuthenticationProvider.superUser", Text),
    ("admin.commandURL", Text),
    ("admin.enableServer", Text),
    ("admin.forceHttps", Flag),
    ("admin.httpVersion", Property),
    ("admin.idleTimeout", Property),
    ("admin.needClientAuth", Flag),
    ("admin.portUnification", Flag),
    ("admin.rateLimiterIntervalInMS", LateInt),
    ("admin.restore.enabled", Flag),
    ("admin.serverAddress", Text),
    ("admin.serverPort", Property),
    ("admin.snapshot.enabled", Flag),
    ("allowSaslFailedClients", Flag),
    ("audit.enable", Flag),
    ("audit.impl.class", Text),
    ("bitHashCacheSize", Property),
    ("client.certReload", Flag),
    ("client.portUnification", Flag),
    ("clientCnxnSocket", Text),
    ("clientTcpKeepAlive", Flag),
    ("closeSessionTxn.enabled", Flag),
    ("cnxTimeout", LateInt),
    ("commitLogCount", Property),
    ("commitProcessor.maxCommitBatchSize", Property),
    ("commitProcessor.maxReadBatchSize", Property),
    ("commitProcessor.numWorkerThreads", Property),
    ("commitProcessor.shutdownTimeout", Property),
    ("connection_throttle_decrease_ratio", Text),
    ("connection_throttle_drop_decrease", Text),
    ("connection_throttle_drop_increase", Text),
    ("connection_throttle_fill_count", Property),
    ("connection_throttle_fill_time", Property),
    ("connection_throttle_freeze_time", Property),
    ("connection_throttle_global_session_weight", Property),
    ("connection_throttle_local_session_weight", Property),
    ("connection_throttle_renew_session_weight", Property),
    ("connection_throttle_tokens", Property),
    ("connection_throttle_weight_enabled", Flag),
    ("datadir.autocreate", Flag),
    ("db.autocreate", Flag),
    ("digest.enabled", Flag),
    ("electionPortBindRetry", Property),
    ("emulate353TTLNodes", Flag),
    ("enableEagerACLCheck", Flag),
    ("enforce.auth.enabled", Flag),
    ("enforce.auth.schemes", Text),
    ("enforceQuota", Flag),
    ("ensembleAuthName", Text),
    ("extendedTypesEnabled", Flag),
    ("fastleader.maxNotificationInterval", Property),
    ("fastleader.minNotificationInterval", Property),
    ("fips-mode", Flag),
    ("flushDelay", Property),
    ("follower.skipLearnerRequestToNextProcessor", Flag),
    ("forceSnapshotSync", Flag),
    ("forceSync", Text),
    ("forward_learner_requests_to_commit_processor_disabled", Flag),
    ("fsync.warningthresholdms", Property),
    ("globalOutstandingLimit", Property),
    ("intBufferStartingSizeBytes", Property),
    ("jaasLoginRenew", Property),
    ("jute.maxbuffer", Text),
    ("jute.maxbuffer.extrasize", Text),
    ("kerberos.canonicalizeHostNames", Flag),
    ("kerberos.removeHostFromPrincipal", Flag),
    ("kerberos.removeRealmFromPrincipal", Flag),
    ("kinit", Text),
    ("largeRequestMaxBytes", Property),
    ("largeRequestThreshold", Property),
    ("leader.ackLoggingFrequency", Property),
    ("leader.closeSocketAsync", Flag),
    ("leader.maxConcurrentDiffSyncs", Property),
    ("leader.maxConcurrentSnapSyncs", Property),
    ("leader.maxTimeToWaitForEpoch", Property),
    ("leaderConnectDelayDuringRetryMs", Property),
    ("leaderServes", Text),
    ("learner.asyncSending", Flag),
    ("learner.closeSocketAsync", Flag),
    ("letAnySaslUserDoX", Text),
    ("maxBatchSize", Property),
    ("maxCnxns", Property),
    ("maxGetChildrenResponseCacheSize", Property),
    ("maxInProcessingDeadWatchers", Property),
    ("maxResponseCacheSize", Property),
    ("maxWriteQueuePollTime", Property),
    ("messageTracker.BufferSize", Property),
    ("messageTracker.Enabled", Flag),
    ("netty.advancedFlowControl.enabled", Flag),
    ("netty.server.earlyDropSecureConnectionHandshakes", Flag),
    ("netty.server.outstandingHandshake.limit", Property),
    ("nio.directBufferBytes", Property),
    ("nio.numSelectorThreads", Property),
    ("nio.numWorkerThreads", Property),
    ("nio.sessionlessCnxnTimeout", Property),
    ("nio.shutdownTimeout", Property),
    ("observer.election.DelayMs", Property),
    ("observer.reconnectDelayMs", Property),
    ("observer.syncEnabled", Flag),
    ("observerMaster.sizeLimit", Property),
    ("pathStats.delay", Property),
    ("pathStats.enabled", Flag),
    ("pathStats.initialDelay", Property),
    ("pathStats.maxDepth", Property),
    ("pathStats.sampleRate", Text),
    ("pathStats.slotCapacity", Property),
    ("pathStats.slotDuration", Property),
    ("pathStats.topPathMax", Property),
    ("preAllocSize", Property),
    ("quorumCnxnTimeoutMs", Property),
    ("readonlymode.enabled", Flag),
    ("request.timeout", Property),
    ("request_stale_connection_check", Flag),
    ("request_stale_latency_check", Flag),
    ("request_throttle_drop_stale", Flag),
    ("request_throttle_max_requests", Property),
    ("request_throttle_stall_time", Property),
    ("request_throttler.shutdownTimeout", Property),
    ("requireClientAuthScheme", Text),
    ("requireKerberosConfig", Flag),
    ("sasl.client", Text),
    ("sasl.clientconfig", Text),
    ("sasl.serverconfig", Text),
    ("security.auth_to_local", Text),
    ("serializeLastProcessedZxid.enabled", Flag),
    ("serverCnxnFactory", Text),
    ("sessionRequireClientSASLAuth", Flag),
    ("skipACL", Text),
    ("snapCount", Property),
    ("snapSizeLimitInKb", Property),
    ("snapshot.compression.method", Text),
    ("snapshot.trust.empty", Flag),
    ("snapshotSizeFactor", Text),
    ("ssl.authProvider", Text),
    ("ssl.sslProvider", Text),
    ("superUser", Text),
    ("tcpKeepAlive", Flag),
    ("throttled_op_wait_time", Property),
    ("traceFile", Text),
    ("txnLogSizeLimitInKb", Property),
    ("watchManagerName", Text),
    ("watcherCleanIntervalInSeconds", Property),
    ("watcherCleanThreadsNum", Property),
    ("watcherCleanThreshold", Property),
];

/// What stands behind `ssl.` for clients, and behind `ssl.quorum.` for servers.
const TLS: &[(&str, Kind)] = &[
    ("allowReverseDnsLookup", Flag),
    ("ciphersuites", Text),
    ("clientAuth", Text),
    ("clientHostnameVerification", Flag),
    ("context.supplier.class", Text),
    ("crl", Flag),
    ("enabledProtocols", Text),
    ("handshakeDetectionTimeoutMillis", Property),
    ("hostnameVerification", Flag),
    ("keyStore.location", Text),
    ("keyStore.password", Text),
    ("keyStore.passwordPath", Text),
    ("keyStore.type", Text),
    ("ocsp", Flag),
    ("protocol", Text),
    ("trustStore.location", Text),
    ("trustStore.password", Text),
    ("trustStore.passwordPath", Text),
    ("trustStore.type", Text),
];

/// Keys that continue with a free name or number.
const FAMILIES: [&str; 2] = ["authProvider.", "metricsProvider."];

/// Waits in milliseconds that are never short.
const WAITS: [&str; 13] = [
    "admin.idleTimeout",
    "cnxTimeout",
    "commitProcessor.shutdownTimeout",
    "fastleader.maxNotificationInterval",
    "jvm.pause.warn-threshold.ms",
    "maxSessionTimeout",
    "minSessionTimeout",
    "multiAddress.reachabilityCheckTimeoutMs",
    "nio.sessionlessCnxnTimeout",
    "nio.shutdownTimeout",
    "quorumCnxnTimeoutMs",
    "request_throttler.shutdownTimeout",
    "tickTime",
];

/// What a real server expects behind this key; `None` if it does not know the key.
pub(super) fn kind(key: &str) -> Option<Kind> {
    let all = KEYS.iter().find(|(name, _)| *name == key);
    let tls = || {
        let rest = key.strip_prefix("ssl.")?;
        let rest = rest.strip_prefix("quorum.").unwrap_or(rest);
        TLS.iter().find(|(name, _)| *name == rest)
    };
    let found = all.or_else(tls).map(|(_, kind)| *kind);
    found.or_else(|| is_family(key).then_some(Text))
}

/// Whether this is a wait in milliseconds that nobody sets to less than a tenth of a second.
pub(super) fn is_wait(key: &str) -> bool {
    WAITS.contains(&key)
}

/// Whether values behind this key must not be shown.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "digest"].into_iter().any(|word| key.contains(word))
}

/// The key that somebody who wrote an unknown one may have meant: the same but for its case, for marks between its
/// words, or for what some images put in front; or one that differs in a letter or two.
pub(super) fn meant(key: &str) -> Option<String> {
    let bare = bare(key);
    if let Some(member) = meant_member(&bare, key) {
        return Some(member);
    }
    let mut names: Vec<String> = KEYS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, _) in TLS {
        names.extend([format!("ssl.{name}"), format!("ssl.quorum.{name}")]);
    }
    let alike = names.iter().find(|name| bare == squeezed(name));
    if let Some(alike) = alike {
        return Some(alike.clone());
    }
    let few = match bare.len() {
        ..6 => return None,
        6..12 => 1,
        _ => 2,
    };
    let near = names.into_iter().map(|name| (distance(&bare, &squeezed(&name), few), name));
    near.filter(|(distance, _)| *distance <= few).min().map(|(_, name)| name)
}

fn is_family(key: &str) -> bool {
    FAMILIES.iter().any(|family| key.starts_with(family))
}

/// `Group.1`, `zookeeper.weight-2`: what begins as groups and weights do, but for its case.
fn meant_member(bare: &str, key: &str) -> Option<String> {
    let number: String = {
        let digits = key.chars().rev().take_while(char::is_ascii_digit);
        digits.collect::<Vec<_>>().into_iter().rev().collect()
    };
    let word = bare.strip_suffix(number.as_str()).filter(|_| !number.is_empty())?;
    ["group", "weight"]
        .into_iter()
        .find(|kind| *kind == word)
        .map(|kind| format!("{kind}.{number}"))
}

/// Lower case, without the marks between words.
fn squeezed(key: &str) -> String {
    let kept = key.chars().filter(|c| !"._- \t".contains(*c));
    kept.flat_map(char::to_lowercase).collect()
}

/// The same without what some people and images put in front of a key.
fn bare(key: &str) -> String {
    let squeezed = squeezed(key);
    let prefixes = ["zookeeper", "export", "zoocfg", "zoo", "zk"];
    let rest = prefixes.into_iter().find_map(|prefix| squeezed.strip_prefix(prefix));
    rest.filter(|rest| !rest.is_empty()).map(str::to_owned).unwrap_or(squeezed)
}

/// How many letters have to be put in, taken out or changed; anything above `few` may be told as more than it is.
fn distance(one: &str, other: &str, few: usize) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > few {
        return few + 1;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, d) in other.iter().enumerate() {
            let changed = diagonal + usize::from(c != d);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_with_their_case() {
        assert_eq!(kind("clientPort"), Some(Port));
        assert_eq!(kind("clientport"), None);
        assert_eq!(kind("ssl.quorum.keyStore.type"), Some(Text));
        assert_eq!(kind("ssl.crl"), Some(Flag));
        assert_eq!(kind("authProvider.corporate"), Some(Text));
        assert_eq!(kind("zookeeper.snapCount"), None);
    }

    #[test]
    fn a_key_that_is_nearly_right_brings_the_right_one_to_mind() {
        for (key, expected) in [
            ("clientport", "clientPort"),
            ("MAXCLIENTCNXNS", "maxClientCnxns"),
            ("zookeeper.snapCount", "snapCount"),
            ("zookeeper.4lw.commands.whitelist", "4lw.commands.whitelist"),
            ("ZOO_MAX_CLIENT_CNXNS", "maxClientCnxns"),
            ("max-client-cnxns", "maxClientCnxns"),
            ("export tickTime", "tickTime"),
            ("initLimt", "initLimit"),
            ("autopurge.snapRetentionCount", ""),
            ("autopurge.purgeIntervall", "autopurge.purgeInterval"),
            ("ssl.keystore.location", "ssl.keyStore.location"),
            ("sslquorum", "sslQuorum"),
            ("dynamicConfigfile", "dynamicConfigFile"),
            ("Group.1", "group.1"),
            ("WEIGHT_12", "weight.12"),
            ("zookeeper.group.3", "group.3"),
        ] {
            assert_eq!(meant(key).unwrap_or_default(), expected, "{key}");
        }
    }

    #[test]
    fn other_keys_bring_nothing_to_mind() {
        for key in ["", "com.example.plugin", "names", "limit", "zookeeper", "x"] {
            assert_eq!(meant(key), None, "{key}");
        }
    }

    #[test]
    fn every_key_is_listed_once_and_in_order() {
        let properties = KEYS.iter().position(|(name, _)| name.starts_with('4')).unwrap();
        for list in [&KEYS[..properties], &KEYS[properties..], TLS] {
            assert!(list.is_sorted_by(|(one, _), (other, _)| one < other));
        }
    }
}
