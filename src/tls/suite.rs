//! [`CipherSuite`]: the ways to encrypt that this build can speak.

/// A cipher suite of TLS 1.2 or 1.3. All of them keep what was said secret also when a key is stolen later.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is a name of the IANA")]
pub enum CipherSuite {
    Tls13Aes256GcmSha384,
    Tls13Aes128GcmSha256,
    Tls13ChaCha20Poly1305Sha256,
    EcdheEcdsaAes256GcmSha384,
    EcdheEcdsaAes128GcmSha256,
    EcdheEcdsaChaCha20Poly1305Sha256,
    EcdheRsaAes256GcmSha384,
    EcdheRsaAes128GcmSha256,
    EcdheRsaChaCha20Poly1305Sha256,
}

/// Each with its number on the wire and its name, both by the IANA.
const SUITES: [(CipherSuite, u16, &str); 9] = [
    (CipherSuite::Tls13Aes256GcmSha384, 0x1302, "TLS_AES_256_GCM_SHA384"),
    (CipherSuite::Tls13Aes128GcmSha256, 0x1301, "TLS_AES_128_GCM_SHA256"),
    (CipherSuite::Tls13ChaCha20Poly1305Sha256, 0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::EcdheEcdsaAes256GcmSha384, 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (CipherSuite::EcdheEcdsaAes128GcmSha256, 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (
        CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256,
        0xcca9,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (CipherSuite::EcdheRsaAes256GcmSha384, 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (CipherSuite::EcdheRsaAes128GcmSha256, 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (
        CipherSuite::EcdheRsaChaCha20Poly1305Sha256,
        0xcca8,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
];

impl CipherSuite {
    /// All there are, the strongest first.
    pub fn all() -> impl Iterator<Item = Self> {
        SUITES.into_iter().map(|(suite, ..)| suite)
    }

    /// The suite that the IANA calls so, if it is one of these.
    pub fn named(name: &str) -> Option<Self> {
        SUITES.into_iter().find(|(.., known)| *known == name).map(|(suite, ..)| suite)
    }

    /// Its name by the IANA, as in `TLS_AES_128_GCM_SHA256`.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// Its number on the wire.
    pub fn number(self) -> u16 {
        self.entry().0
    }

    /// Whether it is one of TLS 1.3; otherwise it is one of TLS 1.2.
    pub fn is_of_tls13(self) -> bool {
        self.number() >> 8 == 0x13
    }

    fn entry(self) -> (u16, &'static str) {
        let found = SUITES.into_iter().find(|(suite, ..)| *suite == self);
        found.map_or((0, ""), |(_, number, name)| (number, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_one_name_and_one_number() {
        let mut numbers = std::collections::BTreeSet::new();
        for suite in CipherSuite::all() {
            assert_eq!(CipherSuite::named(suite.name()), Some(suite));
            assert!(numbers.insert(suite.number()));
            assert_eq!(suite.is_of_tls13(), !suite.name().contains("WITH"), "{suite:?}");
        }
        assert_eq!(CipherSuite::named("TLS_RSA_WITH_AES_128_CBC_SHA"), None);
    }
}
