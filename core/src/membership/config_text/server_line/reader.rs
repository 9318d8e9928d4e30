//! How a server line is read: part by part as `QuorumServer` and `ConfigUtils.getHostAndPort` do it.

use super::{ADDRESSES_MAX, EqualPorts, Oddity, ServerLine, ServerLineError};
use crate::{
    Endpoint, UntrustedText,
    membership::{Role, java, slip::Slip},
};

/// At most this many bytes in a host: no name of the DNS is longer, and Java looks none up.
const HOST_LEN_MAX: usize = 255;

pub(super) fn read(
    text: &str,
    equal_ports: EqualPorts,
) -> Result<(ServerLine, Vec<Oddity>), ServerLineError> {
    let mut reader = Reader { odd: Vec::new(), equal_ports };
    match reader.line(text) {
        Ok(line) => Ok((line, reader.odd)),
        Err(_) if holds_several(text) => Err(ServerLineError::SeveralServers { text: text.into() }),
        Err(error) => Err(error),
    }
}

/// Whether more than one server seems to stand in a line that cannot be read: each has two ports of its own.
fn holds_several(text: &str) -> bool {
    let apart = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let is_port = |part: &str| java::number(part).is_some();
    let has_ports = |part: &&str| part.split(':').filter(|part| is_port(part)).count() > 1;
    text.contains("server.") || text.split(apart).filter(has_ports).count() > 1
}

/// Collects what is odd on the way.
struct Reader {
    odd: Vec<Oddity>,
    equal_ports: EqualPorts,
}

/// An address in pieces: what stands before the first colon, or in brackets, and what is behind.
struct Parts<'a> {
    host: &'a str,
    bracketed: bool,
    rest: Vec<&'a str>,
}

impl Reader {
    fn line(&mut self, text: &str) -> Result<ServerLine, ServerLineError> {
        let parts = self.split(text, ';');
        let (addresses, clients) = match *parts.as_slice() {
            [] => return Err(ServerLineError::NoPorts { address: text.into() }),
            [_, _, _, _, ..] => {
                return Err(ServerLineError::TooManyClientParts { text: text.into() });
            }
            [addresses, ref clients @ ..] => (addresses, clients),
        };
        let client = self.client(clients.first())?;
        let secure_client = self.client(clients.get(1))?;
        if clients.len() > 1 {
            self.odd.push(Oddity::SecureClient);
        }
        let mut line = ServerLine {
            quorum: Vec::new(),
            election: Vec::new(),
            role: Role::default(),
            client,
            secure_client,
        };
        let addresses = self.split(addresses, '|');
        if addresses.len() > ADDRESSES_MAX {
            return Err(ServerLineError::TooManyAddresses);
        }
        let mut said = None;
        for address in addresses {
            let role = self.address(address, &mut line)?;
            if let Some(role) = role
                && *said.get_or_insert(role) != role
            {
                return Err(ServerLineError::MixedRoles);
            }
        }
        if line.election.is_empty() {
            return Err(ServerLineError::NoAddress);
        }
        line.role = said.unwrap_or_default();
        Ok(line)
    }

    /// `host:quorumPort:electionPort[:role]`.
    fn address(
        &mut self,
        text: &str,
        line: &mut ServerLine,
    ) -> Result<Option<Role>, ServerLineError> {
        let address = || UntrustedText::new(text);
        let parts = self.parts(text)?;
        let (quorum, election, role) = match *parts.rest.as_slice() {
            [] => return Err(ServerLineError::NoPorts { address: address() }),
            [_] => return Err(ServerLineError::NoElectionPort { address: address() }),
            [quorum, election] => (quorum, election, None),
            [quorum, election, role] => (quorum, election, Some(role)),
            [_, _, "", id] if java::number(id).is_some() => {
                return Err(ServerLineError::IdBehind { address: address(), id: id.into() });
            }
            _ => return Err(ServerLineError::TooManyParts { address: address() }),
        };
        let host = self.host(&parts)?;
        let (quorum, election) = (self.port(quorum, text)?, self.port(election, text)?);
        if quorum == election && self.equal_ports == EqualPorts::Refused {
            return Err(ServerLineError::EqualPorts { address: address(), port: quorum });
        }
        if quorum == 0 || election == 0 {
            self.odd.push(Oddity::PortZero);
        }
        let endpoints = [quorum, election].map(|port| Endpoint { host: host.clone(), port });
        let [quorum, election] = endpoints;
        if line.quorum.contains(&quorum) && line.election.contains(&election) {
            self.odd.push(Oddity::Twice { endpoint: election.clone() });
        }
        line.quorum.push(quorum);
        line.election.push(election);
        role.map(parse_role).transpose()
    }

    /// `port` or `host:port`; nothing at all where Java too reads nothing.
    fn client(&mut self, text: Option<&&str>) -> Result<Option<Endpoint>, ServerLineError> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let parts = self.parts(text)?;
        let (host, port) = match *parts.rest.as_slice() {
            [] => ("0.0.0.0".to_owned(), parts.host),
            [port] => (self.host(&parts)?, port),
            _ => return Err(ServerLineError::TooManyParts { address: UntrustedText::new(text) }),
        };
        Ok(Some(Endpoint { host, port: self.port(port, text)? }))
    }

    fn parts<'a>(&mut self, text: &'a str) -> Result<Parts<'a>, ServerLineError> {
        let Some(inside) = text.strip_prefix('[') else {
            let parts = self.split(text, ':');
            let (host, rest) = parts.split_first().unwrap_or((&"", &[]));
            return Ok(Parts { host, bracketed: false, rest: rest.to_vec() });
        };
        let Some((host, behind)) = inside.split_once(']') else {
            return Err(ServerLineError::OpenBracket { address: text.into() });
        };
        let mut chars = behind.chars();
        let rest = match chars.next() {
            None => Vec::new(),
            Some(_) if chars.as_str().is_empty() => {
                return Err(ServerLineError::NoPorts { address: text.into() });
            }
            Some(between) => {
                // Java looks for no colon there: it takes one character away, whatever it is.
                if between != ':' {
                    self.odd.push(Oddity::Dropped { found: UntrustedText::new(between) });
                }
                self.split(chars.as_str(), ':')
            }
        };
        Ok(Parts { host, bracketed: true, rest })
    }

    fn host(&mut self, parts: &Parts<'_>) -> Result<String, ServerLineError> {
        let host = parts.host;
        // What cannot be told to others as it is.
        let untold = |c: char| UntrustedText::is_escaped(c) || c == '\\';
        if host.len() > HOST_LEN_MAX || host.contains(untold) || host.starts_with('[') {
            return Err(ServerLineError::Host { host: host.into() });
        }
        if host.is_empty() {
            self.odd.push(Oddity::NoHost);
            return Ok("localhost".to_owned());
        }
        let scopeless = host.split('%').next().unwrap_or(host);
        let slip = Slip::find(host);
        let is_literal = ServerLine::literal(scopeless).is_some();
        if !is_literal && (slip.is_some() || !may_be_a_name(host)) {
            self.odd.push(Oddity::NotAHost { host: host.into(), slip });
        } else if parts.bracketed && !host.contains(':') {
            self.odd.push(Oddity::Brackets { host: host.into() });
        }
        Ok(host.to_owned())
    }

    fn port(&mut self, found: &str, text: &str) -> Result<u16, ServerLineError> {
        let port = self.number(found).and_then(|number| u16::try_from(number).ok());
        port.ok_or_else(|| ServerLineError::Port { port: found.into(), text: text.into() })
    }

    fn number(&mut self, found: &str) -> Option<i64> {
        let (number, odd) = number(found)?;
        self.odd.extend(odd);
        Some(number)
    }

    fn split<'a>(&mut self, text: &'a str, separator: char) -> Vec<&'a str> {
        if text.ends_with(separator) {
            self.odd.push(Oddity::EmptyEnd { found: text.into() });
        }
        // No more than what is looked at: a text of others may have very many.
        java::split(text, separator).take(ADDRESSES_MAX + 1).collect()
    }
}

/// A number that stands in a line about members, and what is odd about it.
pub(in super::super) fn number(found: &str) -> Option<(i64, Option<Oddity>)> {
    let trimmed = java::trim(found);
    let number = java::number(trimmed)?;
    let odd = if trimmed.len() < found.len() {
        Some(Oddity::Blank { found: found.into() })
    } else if java::is_plain(found) {
        None
    } else {
        Some(Oddity::Number { found: found.into(), read: number })
    };
    Some((number, odd))
}

/// Whether a resolver could find this: letters of ASCII, digits, hyphens and underscores between single dots, and not
/// only digits and dots, which would be meant as an address.
pub fn may_be_a_name(host: &str) -> bool {
    let labels = host.strip_suffix('.').unwrap_or(host);
    let fits = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    labels.split('.').all(fits) && host.bytes().any(|b| !(b.is_ascii_digit() || b == b'.'))
}

fn parse_role(text: &str) -> Result<Role, ServerLineError> {
    let word = java::trim(text);
    if word.eq_ignore_ascii_case("participant") {
        Ok(Role::Voter)
    } else if word.eq_ignore_ascii_case("observer") {
        Ok(Role::Observer)
    } else {
        Err(ServerLineError::Role { found: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<ServerLine>().unwrap_err().to_string()
    }

    fn odd(text: &str) -> String {
        let (_, odd) = ServerLine::read(text).unwrap();
        odd.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_no_server_line_is_refused_with_the_part_that_is_wrong() {
        for text in ["", "h", "[::1]", "[::1]:", "h;2181", ";", ";;"] {
            assert!(refused(text).contains("has no ports"), "{text}: {}", refused(text));
        }
        for text in ["h:2888", "[::1]:2888", "h:2888:"] {
            assert!(refused(text).contains("has no election port"), "{text}");
        }
        for text in ["::1:2888:3888", "fe80::1:2888:3888", "h:1:2:observer:x", "h:1:2;a:b:c"] {
            assert!(refused(text).contains("IPv6 address in brackets"), "{text}");
        }
        assert!(refused("|").contains("there is no address"));
        assert!(refused("[::1:2888:3888").contains("no closing bracket"));
        for text in [
            "a\u{200b}:1:2",
            "a\n:1:2",
            "a\\b:1:2",
            "[[a]:1:2",
            &format!("{}:1:2", "a".repeat(256)),
        ] {
            assert!(refused(text).contains("is not a host"), "{text}");
        }
        for text in ["h:x:2", "h:1:70000", "h:1:-2", "h:1:2;x", "h:1:2;a:b", "h:1:2;1;x", "h:1:2; "]
        {
            assert!(refused(text).contains("is not a port"), "{text}");
        }
        for text in ["h:1:2:leader", "h:1:2: "] {
            assert!(refused(text).contains("is not a role"), "{text}");
        }
        assert!(refused("h:1:1").contains("quorum and election port 1"));
        assert!(refused("a:1:2:observer|b:1:2:participant").contains("different roles"));
        assert!(refused("h:1:2;1;2;3").contains("too many parts behind a semicolon"));
        let addresses = |count| vec!["h:1:2"; count].join("|");
        assert!(refused(&addresses(ADDRESSES_MAX + 1)).contains("at most 64"));
        assert_eq!(addresses(ADDRESSES_MAX).parse::<ServerLine>().unwrap().election.len(), 64);
    }

    #[test]
    fn several_servers_and_ids_behind_are_told_as_such() {
        for text in [
            "a:1:2,b:1:2",
            "a:1:2 b:1:2",
            "a:1:2;b:1:2;c:1:2",
            "a:1:2server.2=b:1:2",
            "a:1:2,server.2=b:1:2",
        ] {
            assert!(refused(text).contains("several servers"), "{text}: {}", refused(text));
        }
        for text in ["a:1:2::3", "a:1:2::3;2181"] {
            assert!(refused(text).contains("server.3=host"), "{text}: {}", refused(text));
        }
        assert!(!refused("a:1:2::x").contains("server."), "{}", refused("a:1:2::x"));
    }

    #[test]
    fn what_java_drops_and_reads_otherwise_is_said() {
        for (text, expected) in [
            ("h:1:2:", "nothing behind"),
            ("h:1:2|", "nothing behind"),
            ("h:1:2;;", "nothing behind"),
            ("h:1:2 ", "has a blank beside it"),
            ("h: 1:2", "has a blank beside it"),
            ("h:1:2;2181 ", "has a blank beside it"),
            ("h:01:2", "`01` is read as 1"),
            ("h:1:+2", "`+2` is read as 2"),
            ("h:1:2;1;2", "3.10"),
            ("h:1:2;;2", "3.10"),
            (":1:2", "this very machine"),
            ("[h]:1:2", "taken for h"),
            ("[::1]x1:2", "`x` behind the bracket"),
            ("h:0:2", "port 0"),
            ("h:1:2|h:1:2", "twice"),
            ("h :1:2", "`h ` is neither"),
            ("10.0.0.256:1:2", "neither an address"),
            ("${H}:1:2", "was not filled in"),
            ("a..b:1:2", "neither"),
        ] {
            assert!(odd(text).contains(expected), "{text}: {}", odd(text));
        }
        assert_eq!(odd("h:1:2|h:1:3"), "", "one of the ports is another one");
        for text in ["h:1:2", "h:1:2: observer ", "[::1]:1:2;[::]:3", "h:1:2;3", "[fe80::1%lo]:1:2"]
        {
            assert_eq!(odd(text), "", "{text}");
        }
    }
}
