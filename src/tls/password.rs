//! [`Password`]: opens a key, and is shown to nobody.

use std::fmt;

use zeroize::Zeroizing;

/// A password. Neither `Debug` nor an error shows it, and its memory is wiped when it is dropped.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password that is this text, all of it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Whether it is the empty one, which is what a store without a password has.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// To open something with, and for nothing else.
    #[cfg(feature = "tls")]
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let password = Password::new("open sesame");
        assert_eq!(format!("{password:?}"), "Password");
        assert!(!password.is_empty() && Password::default().is_empty());
    }
}
