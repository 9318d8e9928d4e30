//! [`Layout`]: how a vote file is written, such that people can read it: one member, step and expectation a line.

use std::io::{Result, Write};

use ballotbox_core::UntrustedText;
use serde_json::ser::Formatter;

/// The file itself and its fields are broken into lines; whatever is deeper stays on one.
const BROKEN_DEPTH: usize = 2;

/// Writes JSON as the examples are written.
#[derive(Debug, Default)]
pub(super) struct Layout {
    depth: usize,
    /// Whether the innermost list or object has anything in it so far.
    filled: bool,
}

impl Layout {
    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, pad: &[u8], bracket: &[u8]) -> Result<()> {
        let broken = self.depth <= BROKEN_DEPTH;
        self.depth -= 1;
        if self.filled && broken {
            self.new_line(out)?;
        } else if self.filled {
            out.write_all(pad)?;
        }
        out.write_all(bracket)
    }

    /// What stands before an item: `pad` before the first, if all are on one line.
    fn before<W: ?Sized + Write>(&self, out: &mut W, first: bool, pad: &[u8]) -> Result<()> {
        let broken = self.depth <= BROKEN_DEPTH;
        if !first {
            out.write_all(b",")?;
        }
        if broken { self.new_line(out) } else { out.write_all(if first { pad } else { b" " }) }
    }

    fn new_line<W: ?Sized + Write>(&self, out: &mut W) -> Result<()> {
        out.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| out.write_all(b"  "))
    }
}

impl Formatter for Layout {
    /// What cannot be seen is written in digits: the value is the same, and nothing hides from who reads the file.
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> Result<()> {
        for c in fragment.chars() {
            if UntrustedText::is_escaped(c) {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                units.iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))?;
            } else {
                out.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.close(out, b"", b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        self.before(out, first, b"")
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.close(out, b" ", b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        self.before(out, first, b" ")
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> Result<()> {
        self.filled = true;
        Ok(())
    }
}
