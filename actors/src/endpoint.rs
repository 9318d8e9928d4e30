//! [`Endpoint`]: where a server listens, as its operator wrote it.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// A host and a port, not yet resolved: names are looked up anew at each attempt to use them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// A name or an address literal; an IPv6 literal stands here without its brackets.
    pub host: String,
    /// The TCP port; 0 only where a free one is to be chosen.
    pub port: u16,
}

/// Why a text is not an [`Endpoint`]. The message is one line, whatever the text holds.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EndpointError {
    /// There is no `:port` at the end.
    #[error(
        "`{}` has no port: expected host:port, as in 10.0.0.1:3888 or [::1]:3888", text.escape_debug()
    )]
    NoPort {
        /// What was found.
        text: String,
    },
    /// What stands behind the last colon is not a port.
    #[error(
        "`{}` in `{}` is not a port: expected a number from 0 to 65535",
        port.escape_debug(), text.escape_debug()
    )]
    BadPort {
        /// What was found.
        text: String,
        /// The part that should have been the port.
        port: String,
    },
    /// The part before the port is empty or has unbalanced brackets.
    #[error(
        "`{}` in `{}` is not a host: expected a name, an IPv4 address, or an IPv6 address in brackets",
        host.escape_debug(), text.escape_debug()
    )]
    BadHost {
        /// What was found.
        text: String,
        /// The part that should have been the host.
        host: String,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(EndpointError::NoPort { text: text.to_owned() });
        };
        let bad_host = || EndpointError::BadHost { text: text.to_owned(), host: host.to_owned() };
        let bare = match host.strip_prefix('[') {
            Some(rest) => {
                let literal = rest.strip_suffix(']').ok_or_else(bad_host)?;
                let address = literal.split('%').next().unwrap_or(literal);
                address.parse::<Ipv6Addr>().map_err(|_| bad_host())?;
                literal
            }
            None => host,
        };
        let bracketed = host.starts_with('[');
        let misplaced = |c: char| c.is_whitespace() || c.is_control() || "[]/|;".contains(c);
        if bare.is_empty() || bare.contains(misplaced) || (!bracketed && bare.contains(':')) {
            return Err(bad_host());
        }
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = match port.parse() {
            Ok(number) if digits => number,
            _ => {
                return Err(EndpointError::BadPort {
                    text: text.to_owned(),
                    port: port.to_owned(),
                });
            }
        };
        Ok(Self { host: bare.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    /// `host:port`, an IPv6 literal in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl From<std::net::SocketAddr> for Endpoint {
    fn from(address: std::net::SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_literals_are_read_and_written_back() {
        for text in ["localhost:3888", "10.0.0.1:0", "[::1]:65535", "[fe80::1%eth0]:3888"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("[::1]:1".parse::<Endpoint>().unwrap().host, "::1");
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_the_part_that_is_wrong() {
        let refused = |text: &str| text.parse::<Endpoint>().unwrap_err();
        assert!(matches!(refused("localhost"), EndpointError::NoPort { .. }));
        for text in ["h:70000", "h:", "h:-1", "h:+1", "h:x"] {
            assert!(matches!(refused(text), EndpointError::BadPort { .. }), "{text}");
        }
        for text in [":1", "[::1:1", "::1:1", "[]:1", "[h]:1", "a b:1", "a]:1"] {
            assert!(matches!(refused(text), EndpointError::BadHost { .. }), "{text}");
        }
        for text in ["a\nb", "a\nb:1", "h:\n"] {
            let message = refused(text).to_string();
            assert!(!message.contains('\n') && message.contains("\\n"), "{message}");
        }
    }
}
