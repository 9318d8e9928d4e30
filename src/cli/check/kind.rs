//! [`Kind`]: which of the two files that we read a file is.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use ballotbox::UntrustedText;

use crate::cli::Failure;

/// At most this many bytes are looked at: what reads the file afterwards has limits of its own.
const LOOK_AT_MAX: u64 = 64 * 1024;

/// What a file seems to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// JSON, or a file that cannot be looked into.
    VoteFile,
    /// Properties.
    ZooCfg,
    /// Something else, in words.
    Neither(&'static str),
}

impl Kind {
    /// The extension decides, where it is one of ours; otherwise the content does.
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Self::VoteFile,
            Some("cfg") => Self::ZooCfg,
            // A file that cannot be read is told by the reader.
            _ => begin(path).map_or(Self::VoteFile, |bytes| Self::of_bytes(&bytes)),
        }
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Self::Neither("it is UTF-16, to be saved as UTF-8");
        }
        if bytes.contains(&0) {
            return Self::Neither("it is binary, or UTF-16");
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Self::Neither("it is empty"),
            Some(b'{' | b'[') => Self::VoteFile,
            Some(_) if text.split(|byte| matches!(byte, b'\n' | b'\r')).any(is_setting) => {
                Self::ZooCfg
            }
            Some(_) => Self::Neither("no line of it is key=value, and it begins with no brace"),
        }
    }
}

/// The refusal of a file that is neither.
pub(super) fn neither(path: &Path, found: &str) -> Failure {
    let file = UntrustedText::path(path);
    let text = format_args!(
        "{file}: neither JSON nor properties ({found}): expected a vote file, or the zoo.cfg of a ZooKeeper server"
    );
    Failure::Argument(UntrustedText::shortened(text, 2 * UntrustedText::PATH_SHOWN_MAX))
}

fn begin(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LOOK_AT_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a line is `key=value`. Java takes a colon or a blank as well; then every sentence would be a setting.
fn is_setting(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-$".contains(byte);
    let key_end = line.iter().position(|byte| !is_key(byte)).unwrap_or(line.len());
    key_end > 0 && line[key_end..].trim_ascii_start().starts_with(b"=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_tells_json_from_properties_and_both_from_anything_else() {
        for text in ["{}", " \n{", "\u{feff}{\"members\"", "[1]"] {
            assert_eq!(Kind::of_bytes(text.as_bytes()), Kind::VoteFile, "{text}");
        }
        for text in
            ["tickTime=2000", "# comment\r\n  server.1 = h:1:2", "\u{feff}dataDir=/x", "server-1=h"]
        {
            assert_eq!(Kind::of_bytes(text.as_bytes()), Kind::ZooCfg, "{text}");
        }
        for bytes in [
            &b"Dear all,\nplease note: 1 + 1 = 2"[..],
            b"# only a comment=1",
            b"members:\n  - id: 1",
            b"<project name=\"x\">",
            b"",
            b" \n",
            b"\xff\xfet\0i\0c\0k\0",
            b"\xfe\xff\0t\0i",
            b"t\0i\0c\0k\0=\x001\0",
            b"\x7fELF\x02\0\0",
            b"\x1f\x8b\x08\xff",
        ] {
            let kind = Kind::of_bytes(bytes);
            assert!(matches!(kind, Kind::Neither(_)), "{}: {kind:?}", bytes.escape_ascii());
        }
    }
}
