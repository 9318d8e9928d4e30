//! Every input that is kept for the fuzzer, through what the fuzzer does with it.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::{fs, path::Path};

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        run(&fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{target} has no inputs");
}

#[test]
fn greetings_survive_their_corpus() {
    replay("greeting", targets::greeting);
}

#[test]
fn first_words_survive_their_corpus() {
    replay("first_word", targets::first_word);
    replay("greeting", targets::first_word);
    replay("first_packet", targets::first_word);
}

#[test]
fn tls_records_survive_their_corpus() {
    replay("tls_records", targets::tls_records);
}

#[test]
fn certificates_survive_their_corpus() {
    replay("certificate", targets::certificate);
}

#[test]
fn frames_survive_their_corpus() {
    replay("frame", targets::frame);
}

#[test]
fn notifications_survive_their_corpus() {
    replay("notification", targets::notification);
}

#[test]
fn packets_survive_their_corpus() {
    replay("packet", targets::packet);
}

#[test]
fn first_packets_survive_their_corpus() {
    replay("first_packet", targets::first_packet);
}

#[test]
fn config_texts_survive_their_corpus() {
    replay("config_text", targets::config_text);
}

#[test]
fn zoo_cfgs_survive_their_corpus() {
    replay("zoo_cfg", targets::zoo_cfg);
}

#[test]
fn vote_files_survive_their_corpus() {
    replay("vote_file", targets::vote_file);
}

#[test]
fn data_directories_survive_their_corpus() {
    replay("data_directory", targets::data_directory);
}

#[test]
fn sessions_survive_their_corpus() {
    replay("session", targets::session);
}

#[test]
fn what_is_said_at_control_sockets_survives_its_corpus() {
    replay("control", targets::control);
}

#[test]
fn fences_survive_their_corpus() {
    replay("fence", targets::fence);
}

#[test]
fn answers_of_status_ports_survive_their_corpus() {
    replay("status_answer", targets::status_answer);
}
