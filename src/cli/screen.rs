//! What people read: aligned tables, and colours that go away when nobody looks.

use std::{
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use ballotbox::{
    UntrustedText,
    zoo_cfg::{Finding, Severity},
};
use ballotbox_actors::kit::tenths_of_ms;
use comfy_table::{Cell, CellAlignment, Table, presets};

/// Headings.
pub(super) const BOLD: Style = Style::new().bold();
/// What went well.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What went wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// What matters less.
pub(super) const FAINT: Style = Style::new().dimmed();
/// What needs no emphasis.
pub(super) const PLAIN: Style = Style::new();

/// Goes to the first line of the terminal, and empties it.
pub(super) const FROM_THE_TOP: &[u8] = b"\x1b[H\x1b[J";

/// Whether stdout is a terminal that does what such sequences say, and is to.
pub(super) fn can_be_redrawn() -> bool {
    let stdout = io::stdout();
    stdout.is_terminal() && AutoStream::choice(&stdout) != ColorChoice::Never
}

/// A column of a table.
pub(super) struct Column {
    pub(super) heading: &'static str,
    alignment: CellAlignment,
}

impl Column {
    /// For words.
    pub(super) const fn left(heading: &'static str) -> Self {
        Self { heading, alignment: CellAlignment::Left }
    }

    /// For numbers.
    pub(super) const fn right(heading: &'static str) -> Self {
        Self { heading, alignment: CellAlignment::Right }
    }
}

/// Writes rows, each in its style, under their headings. Columns without any content are left out.
pub(super) fn table(
    out: &mut dyn Write,
    columns: &[Column],
    rows: &[(Style, Vec<String>)],
) -> io::Result<()> {
    let filled = |n: &usize| rows.iter().any(|(_, cells)| !cells[*n].is_empty());
    let shown: Vec<_> = (0..columns.len()).filter(filled).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(shown.iter().map(|n| {
        let column = &columns[*n];
        Cell::new(column.heading).set_alignment(column.alignment)
    }));
    for (_, cells) in rows {
        table.add_row(
            shown.iter().map(|n| Cell::new(&cells[*n]).set_alignment(columns[*n].alignment)),
        );
    }
    let styles = std::iter::once(BOLD).chain(rows.iter().map(|(style, _)| *style));
    for (line, style) in table.lines().zip(styles) {
        writeln!(out, "{style}{}{style:#}", line.trim_end())?;
    }
    Ok(())
}

/// Lines of at most this many characters, broken between words.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(last) if line == 0 => last.push_str(word),
            Some(last) if line + 1 + word.chars().count() <= columns => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// At most this many bytes of a warning.
const WARNING_SHOWN_MAX: usize = 4096;

/// Says on stderr what is not as it should be: in words, or as a JSON line.
pub(super) fn warn(text: &str, json: bool) {
    let text = UntrustedText::shortened(text, WARNING_SHOWN_MAX).to_string();
    if json {
        let line = serde_json::json!({ "event": "warning", "text": text });
        anstream::eprintln!("{line}");
    } else {
        anstream::eprintln!("ballotbox: {text}");
    }
}

/// A finding in a zoo.cfg among others: where, how bad, what.
pub(super) fn finding(finding: &Finding) -> String {
    format!("{}: {}: {}", finding.place, severity_word(finding), finding.text())
}

/// How bad a finding is.
pub(super) const fn severity_word(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// Milliseconds since the beginning, set so that lines of a story align.
pub(super) fn at(time: Duration) -> String {
    format!("{:>8.1} ms", tenths_of_ms(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_a_long_word_has_one_to_itself() {
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("one two", 7), ["one two"]);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("/a/long/path is ok", 5), ["/a/long/path", "is ok"]);
        assert_eq!(wrapped("in épées", 8), ["in épées"]);
    }
}
