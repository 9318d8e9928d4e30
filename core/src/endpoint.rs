//! [`Endpoint`]: where a server listens, as its operator wrote it.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use crate::{UntrustedText, whole_number};

/// At most this many bytes in a host: no name of the DNS is longer, and Java reads none either.
const HOST_LEN_MAX: usize = 255;

/// A host and a port, not yet resolved: names are looked up anew at each attempt to use them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// A name or an address literal; an IPv6 literal stands here without its brackets.
    pub host: String,
    /// The TCP port; 0 only where a free one is to be chosen.
    pub port: u16,
}

/// Why a text is not an [`Endpoint`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "a variant says what its fields are")]
pub enum EndpointError {
    /// There is no `:port` at the end.
    #[error("`{text}` has no port: expected host:port, as in 10.0.0.1:3888 or [::1]:3888")]
    NoPort { text: UntrustedText },
    /// What stands behind the last colon is not a port.
    #[error("`{port}` in `{text}` is not a port: expected a number from 0 to 65535")]
    BadPort {
        text: UntrustedText,
        /// The part that should have been the port.
        port: UntrustedText,
    },
    /// The part before the port is empty or has unbalanced brackets.
    #[error(
        "`{host}` in `{text}` is not a host: expected a name of at most {HOST_LEN_MAX} bytes, an IPv4 address, or an \
         IPv6 address in brackets"
    )]
    BadHost {
        text: UntrustedText,
        /// The part that should have been the host.
        host: UntrustedText,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(EndpointError::NoPort { text: text.into() });
        };
        let bad_host = || EndpointError::BadHost { text: text.into(), host: host.into() };
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
        let misplaced = |c: char| c == ' ' || UntrustedText::is_escaped(c) || "[]/|;".contains(c);
        let length = 1..=HOST_LEN_MAX;
        if !length.contains(&bare.len())
            || bare.contains(misplaced)
            || (!bracketed && bare.contains(':'))
        {
            return Err(bad_host());
        }
        let bad_port = || EndpointError::BadPort { text: text.into(), port: port.into() };
        let port = whole_number(port).ok_or_else(bad_port)?;
        Ok(Self { host: bare.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    /// `host:port`, an IPv6 literal in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was read has nothing to escape in it; one that a program made may.
        let host = UntrustedText::new(&self.host);
        if self.host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
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
        for text in ["a\u{202e}b:1", "zoo\u{200b}1:1", "a\u{a0}b:1", "\u{feff}a:1"] {
            let error = refused(text);
            assert!(matches!(error, EndpointError::BadHost { .. }), "{text:?}");
            assert!(error.to_string().contains("\\u{"), "{error}");
        }
        for text in ["a\nb", "a\nb:1", "h:\n"] {
            let message = refused(text).to_string();
            assert!(!message.contains('\n') && message.contains("\\n"), "{message}");
        }
    }

    #[test]
    fn no_host_is_longer_than_a_name_can_be() {
        let host = |len: usize| format!("{}:1", "a".repeat(len));
        assert_eq!(host(255).parse::<Endpoint>().unwrap().to_string(), host(255));
        let error = host(500_000).parse::<Endpoint>().unwrap_err();
        assert!(matches!(error, EndpointError::BadHost { .. }));
        assert!(error.to_string().len() < 1000);
    }
}
