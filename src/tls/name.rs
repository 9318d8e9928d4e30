//! [`CertificateName`]: how a certificate names a member.

use std::{fmt, net::IpAddr, str::FromStr};

use ballotbox_core::UntrustedText;

/// At most this many bytes in a name, and in a part of it between two dots: the limits of the DNS.
const NAME_LEN_MAX: usize = 253;
const LABEL_LEN_MAX: usize = 63;

/// A name that a certificate bears among its subject alternative names: one of the DNS, or an IP address.
///
/// Names of the DNS are the same in any case, and are kept in lower case.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CertificateName(Box<str>);

/// Why a text is not a [`CertificateName`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{found}` is no name that a certificate can bear: expected a DNS name, as in zk1.example.com, or an IP address, without a port"
)]
pub struct CertificateNameError {
    /// The text.
    pub found: UntrustedText,
}

impl CertificateName {
    /// The name as text: a DNS name in lower case, or an IP address as it is usually written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CertificateName {
    type Err = CertificateNameError;

    fn from_str(text: &str) -> Result<Self, CertificateNameError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_string().into()));
        }
        let is_name = text.len() <= NAME_LEN_MAX && text.split('.').all(is_label);
        // A name that ends in digits would be an address in four numbers, and is none.
        let ends_in_digits =
            text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if !is_name || ends_in_digits {
            return Err(CertificateNameError { found: text.into() });
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

fn is_label(label: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LABEL_LEN_MAX).contains(&label.len())
        && label.bytes().all(may_stand)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There is nothing in it to escape.
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_dns_and_addresses_are_read() {
        for (text, read) in [
            ("zk1", "zk1"),
            ("ZK1.Example.com", "zk1.example.com"),
            ("zk_0.zk-headless", "zk_0.zk-headless"),
            ("10.0.0.1", "10.0.0.1"),
            ("::1", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
        ] {
            assert_eq!(text.parse::<CertificateName>().unwrap().as_str(), read);
        }
    }

    #[test]
    fn what_no_certificate_can_bear_is_refused() {
        let long = "a".repeat(64);
        for text in [
            "",
            "*.example.com",
            "zk1:3888",
            "[::1]",
            "a..b",
            "-a",
            "a-",
            "a b",
            "1.2.3",
            "zö",
            &long,
        ] {
            let error = text.parse::<CertificateName>().unwrap_err().to_string();
            assert!(error.contains("expected a DNS name"), "{text}: {error}");
        }
    }
}
