//! Files nobody wrote.

use ballotbox::membership::config_text::{ConfigText, ConfigVersion};
use proptest::{collection, prelude::*};

use super::{PLAIN, accepted, parse, parse_files};

/// A key or a value as a file has to hold it.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            ' ' | ':' | '=' | '#' | '!' | '\\' => format!("\\{c}"),
            _ if c.is_ascii() => c.to_string(),
            _ => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|unit| format!("\\u{unit:04X}"))
                .collect::<Vec<_>>()
                .concat(),
        })
        .collect()
}

proptest! {
    #[test]
    fn whatever_is_escaped_comes_back(
        key in "[a-z]\\PC{0,20}[a-z]",
        value in "/[^\\x00]{0,40}/",
        separator in "[ \\t]{0,2}[=: ][ \\t]{0,2}",
        end in "\n|\r|\r\n",
    ) {
        prop_assume!(!["server", "group", "weight"].iter().any(|word| key.starts_with(word)));
        let text = format!("{PLAIN}{}{separator}x{end}dataDir={}{end}", escaped(&key), escaped(&value));
        let cfg = accepted(&text);
        prop_assert_eq!(cfg.data_dir.to_str().unwrap(), value);
        prop_assert!(cfg.ignored.iter().any(|ignored| ignored.key == key.as_str().into()), "{:?}", cfg.ignored);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_files(&[("zoo.cfg", &bytes)]);
        let _ = parse_files(&[("zoo.cfg", PLAIN.as_bytes()), ("/data/myid", &bytes)]);
    }

    #[test]
    fn no_lines_make_the_parser_panic(
        lines in collection::vec("(server\\.|group\\.|weight\\.|tickTime|version|peerType|electionPortBindRetry)[0-9]{0,3}[=: ][a-z0-9:;|\\[\\]\\\\-]{0,20}", 0..8)
    ) {
        let _ = parse(&format!("{PLAIN}{}", lines.join("\n")));
    }

    #[test]
    fn the_text_of_an_ensemble_is_read_back(
        voters in 3..20_u64,
        observers in 0..5_u64,
        version in 0..=i64::MAX,
    ) {
        let lines: Vec<_> = (0..voters + observers)
            .map(|n| {
                let role = if n < voters { "participant" } else { "observer" };
                format!("server.{n}=10.0.0.{n}:2888:3888:{role}")
            })
            .collect();
        let text = format!("dataDir=/d\ninitLimit=5\nsyncLimit=2\n{}\nversion={version:x}", lines.join("\n"));
        let cfg = accepted(&text);
        let told = ConfigText::parse(&cfg.config.to_string()).unwrap();
        prop_assert_eq!(&told, &cfg.config);
        prop_assert_eq!(cfg.membership.ensemble().voters().count() as u64, voters);
        prop_assert_eq!(told.version, ConfigVersion(version));
    }
}
