//! What real servers log about elections, and how to make them.

/// For log4j 1, which ZooKeeper used up to 3.7, and Debian's 3.8.
pub(super) const LOG4J: &str = "log4j.rootLogger=INFO, OUT
log4j.logger.org.apache.zookeeper.server.quorum.FastLeaderElection=DEBUG
log4j.appender.OUT=org.apache.log4j.ConsoleAppender
log4j.appender.OUT.layout=org.apache.log4j.PatternLayout
log4j.appender.OUT.layout.ConversionPattern=%d{ABSOLUTE} %-5p %c{1} %m%n
";

/// For log4j 2.
pub(super) const LOG4J2: &str = "appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ABSOLUTE} %-5p %c{1} %m%n
rootLogger.level=info
rootLogger.appenderRef.out.ref=OUT
logger.election.name=org.apache.zookeeper.server.quorum.FastLeaderElection
logger.election.level=debug
";

/// How an election ended for one server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    pub leader: u64,
    pub zxid: i64,
    /// `LEADING`, `FOLLOWING` or `OBSERVING`.
    pub state: String,
    pub round: i64,
    pub epoch: i64,
}

/// A notification a server heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    pub from: u64,
    pub state: String,
    pub leader: u64,
    pub round: i64,
    pub epoch: i64,
    pub zxid: i64,
}

impl Heard {
    pub fn parse(line: &str) -> Option<Self> {
        let (_, fields) = line.split_once("Notification: ")?;
        // 3.4 writes the name of a field behind it, in brackets.
        let field = |name: &str| {
            let old = fields.split_once(&format!(" ({name})"));
            old.and_then(|(before, _)| before.rsplit(' ').next())
                .or_else(|| value(fields, &format!("{name}:"), &[',', ';']))
        };
        Some(Self {
            from: field("n.sid")?.parse().ok()?,
            state: field("n.state")?.to_owned(),
            leader: field("n.leader")?.parse().ok()?,
            round: hexadecimal(field("n.round")?)?,
            epoch: hexadecimal(field("n.peerEpoch")?)?,
            zxid: hexadecimal(field("n.zxid")?)?,
        })
    }
}

/// Leader, zxid and new state, if this line ends an election.
pub(super) fn left(line: &str) -> Option<(u64, i64, String)> {
    let (_, fields) = line.split_once("About to leave FLE instance: ")?;
    let field = |name: &str| value(fields, name, &[',']);
    let state = field("my state=")?.to_owned();
    Some((field("leader=")?.parse().ok()?, hexadecimal(field("zxid=")?)?, state))
}

/// Whether a line says something of elections or of trouble.
pub(super) fn is_telling(line: &str) -> bool {
    let telling = ["lection", "Notification", " WARN ", " ERROR ", "LEADING", "FOLLOWING"];
    telling.iter().any(|word| line.contains(word))
}

fn value<'a>(fields: &'a str, name: &str, ends: &[char]) -> Option<&'a str> {
    let (_, rest) = fields.split_once(name)?;
    rest.split(ends).next().map(str::trim)
}

fn hexadecimal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).ok().map(u64::cast_signed)
}
