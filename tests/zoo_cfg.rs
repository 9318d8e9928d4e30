//! A real server's zoo.cfg: what is taken from it, what is refused, and with which words.
//!
//! `tests/zoo_cfg_judge.rs` holds the same code against real servers; here is what they have no opinion on.

mod command;
mod files;
mod generated;
mod members;
mod settings;
mod slips;
mod tls;

use std::{collections::BTreeMap, path::Path};

use ballotbox::{
    ServerId,
    zoo_cfg::{ZooCfg, ZooCfgError},
};

/// Three servers, and nothing out of the ordinary.
const PLAIN: &str = "\
# The ensemble of the web shop
tickTime=2000
initLimit=10
syncLimit=5
dataDir=/data
clientPort=2181
server.1=zoo1:2888:3888
server.2=zoo2:2888:3888
server.3=zoo3:2888:3888
";

fn parse_files(files: &[(&str, &[u8])]) -> Result<ZooCfg, ZooCfgError> {
    let files: BTreeMap<_, _> =
        files.iter().map(|(path, bytes)| (Path::new(*path), *bytes)).collect();
    ZooCfg::parse(Path::new("zoo.cfg"), |path| Ok(files.get(path).map(|bytes| bytes.to_vec())))
}

fn parse(text: &str) -> Result<ZooCfg, ZooCfgError> {
    parse_files(&[("zoo.cfg", text.as_bytes())])
}

fn accepted(text: &str) -> ZooCfg {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The plain file with more lines at its end, the first of them line 10.
fn with(lines: &str) -> ZooCfg {
    accepted(&format!("{PLAIN}{lines}"))
}

fn refused(text: &str) -> String {
    errors(&parse(text).expect_err("it should be refused"))
}

fn refused_with(lines: &str) -> String {
    refused(&format!("{PLAIN}{lines}"))
}

/// All errors, a line each.
fn errors(error: &ZooCfgError) -> String {
    let errors: Vec<_> = error.findings.errors.iter().map(ToString::to_string).collect();
    errors.join("\n")
}

fn warnings(cfg: &ZooCfg) -> Vec<String> {
    cfg.warnings.iter().map(ToString::to_string).collect()
}

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}
