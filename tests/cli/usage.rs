//! What can be typed: help, suggestions, completions, and options from the environment.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use super::{
    ballotbox, file,
    patience::{InTime, PATIENCE, rest_of},
    run, text, votes,
};

const COMMANDS: [&str; 11] = [
    "elect",
    "simulate",
    "node",
    "status",
    "why",
    "resign",
    "holds",
    "fence",
    "probe",
    "check",
    "completions",
];

/// The long options in the help of a command, in the order in which they stand there.
fn options(help: &str) -> Vec<&str> {
    help.lines()
        .map(|line| line.trim_start().trim_start_matches("-h, "))
        .filter(|line| line.starts_with("--"))
        .filter_map(|line| line.split(' ').next())
        .collect()
}

#[test]
fn every_help_fits_80_columns() {
    let mut helps = vec![run(&["--help"])];
    for command in COMMANDS {
        helps.extend([run(&[command, "--help"]), run(&[command, "-h"])]);
    }
    for output in helps {
        let help = text(&output.stdout);
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line:?} in\n{help}");
        }
    }
}

#[test]
fn the_help_of_each_command_says_what_it_does_as_the_list_of_all_does() {
    let unfolded = |output: &[u8]| text(output).split_whitespace().collect::<Vec<_>>().join(" ");
    let all = unfolded(&run(&["--help"]).stdout);
    for command in COMMANDS {
        let help = run(&[command, "-h"]);
        let about = text(&help.stdout).lines().skip(1).take_while(|line| !line.is_empty());
        let about = about.collect::<Vec<_>>().join(" ");
        assert!(all.contains(&format!("{command} {about}")), "{command}: {about}\n{all}");
    }
    let node = unfolded(&run(&["node", "--help"]).stdout);
    assert!(node.contains("Runs one member of an ensemble"), "{node}");
    for way in
        ["node --id <ID> --votes <VOTES.json> [OPTIONS]", "node --config <zoo.cfg> [--id <ID>]"]
    {
        assert!(node.contains(way), "{way}: {node}");
    }
}

#[test]
fn a_usage_says_what_can_be_typed() {
    for (command, usage) in [
        ("holds", "holds [OPTIONS]"),
        ("fence", "fence [OPTIONS] <FILE> --token <N> -- <CMD>..."),
        ("probe", "probe [OPTIONS] (<HOST:PORT,…> | --config <zoo.cfg>)"),
        ("status", "status [OPTIONS] (--data-dir <DIR> | <URL>)"),
    ] {
        let usage = format!("\n    ballotbox {usage}\n");
        assert!(text(&run(&[command, "-h"]).stdout).contains(&usage), "{usage}");
    }
    let refused = run(&["probe"]);
    let usage = "\n    ballotbox probe [OPTIONS] (<HOST:PORT,…> | --config <zoo.cfg>)\n";
    assert!(text(&refused.stderr).contains(usage), "{}", text(&refused.stderr));
}

#[test]
fn help_is_also_a_command() {
    let all = run(&["help"]);
    assert_eq!(all.status.code(), Some(0));
    assert_eq!(text(&all.stdout), text(&run(&["-h"]).stdout));
    let of_check = run(&["help", "check"]);
    assert_eq!(of_check.status.code(), Some(0));
    assert!(text(&of_check.stdout).contains("--strict"), "{}", text(&of_check.stdout));
}

#[test]
fn a_table_of_members_fits_80_columns() {
    for args in [
        &["elect", "examples/three-voters.json"][..],
        &["elect", "examples/weights-and-groups.json"],
        &["simulate", "examples/three-voters.json"],
        &["check", "examples/weights-and-groups.json"],
    ] {
        let output = run(args);
        let said = text(&output.stdout);
        let table = said.lines().skip_while(|line| !line.starts_with(" member"));
        let table: Vec<_> = table.take_while(|line| !line.is_empty()).collect();
        assert!(table.len() > 3, "{args:?}: {said}");
        for line in table {
            assert!(line.chars().count() <= 80, "{args:?}: {line:?}");
        }
    }
}

/// What is piped in.
fn from_stdin(args: &[&str], given: &str) -> Output {
    let mut child = ballotbox(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have refused to read on.
    let _ = child.stdin.take().unwrap().write_all(given.as_bytes());
    rest_of(child, "what is piped to")
}

#[test]
fn a_vote_file_can_come_from_stdin_and_is_refused_with_that_name() {
    let good = r#"{"members":[{"id":1}]}"#;
    for args in [&["elect", "-"][..], &["simulate", "-"], &["check", "-"]] {
        let output = from_stdin(args, good);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        for (bad, part) in [("{", "stdin, line"), ("", "stdin"), ("{\"a\":1}", "stdin")] {
            let output = from_stdin(args, bad);
            assert_eq!(output.status.code(), Some(2), "{args:?} {bad}");
            assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
        }
        let output = from_stdin(args, &" ".repeat(32 << 20));
        assert_eq!(output.status.code(), Some(2), "{args:?}, without end");
    }
    let with_faults = r#"{"members":[{"id":1}],"faults":{"until_ms":9,"kills":1}}"#;
    let warned = from_stdin(&["elect", "-"], with_faults);
    assert!(text(&warned.stderr).contains("stdin, faults: "), "{}", text(&warned.stderr));
    let checked = from_stdin(&["check", "--json", "-"], good);
    assert!(text(&checked.stdout).contains(r#""file":"stdin""#), "{}", text(&checked.stdout));
}

#[test]
fn options_are_listed_in_their_order() {
    let listed = |command| {
        let output = run(&[command, "-h"]);
        options(text(&output.stdout)).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(listed("elect"), ["--json", "--deadline", "--why", "--diagram", "--help"]);
    assert_eq!(
        listed("probe"),
        [
            "--config",
            "--tls-cert",
            "--tls-key",
            "--tls-ca",
            "--deadline",
            "--every",
            "--json",
            "--watch",
            "--help"
        ]
    );
    assert_eq!(listed("status"), ["--data-dir", "--tls-ca", "--json", "--watch", "--help"]);
    assert_eq!(listed("holds"), ["--for", "--help"]);
    assert_eq!(listed("fence"), ["--token", "--owner", "--within", "--help"]);
    let output = run(&["--help"]);
    let help = text(&output.stdout);
    let places = COMMANDS.map(|command| help.find(&format!("\n    {command} ")).unwrap());
    assert!(places.is_sorted(), "{help}");
}

#[test]
fn a_misspelt_word_is_answered_with_the_right_one() {
    for (args, meant) in [
        (&["elct", "x"][..], "'elect'"),
        (&["elect", "--deadlin", "30s", "x"], "--deadline"),
        (&["node", "--vote", "x"], "--votes"),
        (&["statsu"], "'status'"),
        (&["status", "--data-di", "x"], "--data-dir"),
        (&["completions", "bsh"], "'bash'"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let told = text(&output.stderr);
        assert!(told.contains(&format!("Did you mean {meant}?")), "{args:?}: {told}");
        assert!(!told.contains("re-running"), "{args:?}: {told}");
    }
}

#[test]
fn completions_are_scripts_that_the_shell_can_read() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = text(&output.stdout);
        for word in COMMANDS.iter().chain(&["deadline", "seeds", "votes", "watch"]) {
            assert!(script.contains(word), "{shell}: no `{word}`");
        }
    }
    assert_eq!(run(&["completions", "tcsh"]).status.code(), Some(2));
    assert_eq!(run(&["completions"]).status.code(), Some(2));
}

#[test]
fn bash_completes_commands_and_options() {
    let output = run(&["completions", "bash"]);
    let script = file("completions.bash", text(&output.stdout));
    let complete = |words: &str, cword: usize| {
        let line = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={cword}; _ballotbox; echo ${{COMPREPLY[@]}}",
            script.display()
        );
        Command::new("bash").args(["-c", &line]).run_within(PATIENCE)
    };
    let Ok(commands) = complete("ballotbox el", 1) else {
        println!("left out: no bash here");
        return;
    };
    assert_eq!(text(&commands.stdout).trim(), "elect", "{}", text(&commands.stderr));
    let options = complete("ballotbox elect --de", 2).unwrap();
    assert_eq!(text(&options.stdout).trim(), "--deadline");
}

#[test]
fn a_reader_of_completions_that_hangs_up_has_seen_enough() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut completions = ballotbox(&["completions", "zsh"]);
    let child = completions.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = rest_of(child, "completions");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn options_of_node_can_come_from_the_environment() {
    let told = |command: &mut Command| {
        let output = command.output_in_time();
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr).to_owned()
    };
    let node = |args: &[&str]| ballotbox(&[&["node"], args].concat());
    // A member that the file does not have shows that both were read.
    let votes = votes("environment.json", 1);
    let unknown = told(node(&[]).env("BALLOTBOX_NODE_ID", "7").env("BALLOTBOX_NODE_VOTES", &votes));
    assert!(unknown.contains("environment.json") && unknown.contains("id 7"), "{unknown}");
    let config = told(node(&[]).env("BALLOTBOX_NODE_CONFIG", "/nowhere/zoo.cfg"));
    assert!(config.contains("/nowhere/zoo.cfg"), "{config}");
    // The command line comes first.
    let first = told(
        node(&["--id", "8"]).env("BALLOTBOX_NODE_ID", "7").env("BALLOTBOX_NODE_VOTES", &votes),
    );
    assert!(first.contains("id 8"), "{first}");
    let bad = told(node(&[]).env("BALLOTBOX_NODE_ID", "x").env("BALLOTBOX_NODE_VOTES", &votes));
    assert!(bad.contains("--id <ID>") && bad.contains("`x` is no server id"), "{bad}");
    let empty = told(node(&["--id", "1"]).env("BALLOTBOX_NODE_VOTES", ""));
    assert!(
        empty.contains("--votes <VOTES.json>") && empty.contains("requires a value"),
        "{empty}"
    );
    let both = told(node(&["--id", "1", "--config", "x"]).env("BALLOTBOX_NODE_VOTES", &votes));
    assert!(both.contains("--config <zoo.cfg>") && both.contains("--votes <VOTES.json>"), "{both}");
}

#[test]
fn the_help_of_node_names_the_variable_of_each_option_with_a_value() {
    let output = run(&["node", "--help"]);
    let mut options = Vec::<String>::new();
    // What comes after the options is about the program that a node runs.
    for line in text(&output.stdout).lines().take_while(|line| !line.starts_with("ARGS:")) {
        match (line.strip_prefix("        --"), options.last_mut()) {
            (Some(option), _) => options.push(option.to_owned()),
            (None, Some(option)) => option.extend([" ", line.trim()]),
            (None, None) => {}
        }
    }
    let with_value = options.iter().filter_map(|option| option.split_once(" <"));
    assert!(with_value.clone().count() >= 3, "{options:?}");
    for (name, help) in with_value {
        let variable = format!("BALLOTBOX_NODE_{}", name.replace('-', "_").to_uppercase());
        let named = help.split_whitespace().any(|word| word.trim_end_matches(']') == variable);
        assert!(named, "--{name} <{help}");
    }
}
