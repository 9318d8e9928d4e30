//! `ballotbox fence`: who runs, who does not, and who holds the lock.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
};

use super::{
    ballotbox, file,
    patience::{InTime, code_of, ended},
    text,
};

/// A place for a fence and what it guards, without anything in it.
fn place(name: &str) -> PathBuf {
    let place = file(&format!("fence-{name}"), "").with_extension("place");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    place
}

/// A fence by this file, without what surrounds the test.
fn fence(file: &Path, args: &[&str]) -> Command {
    let mut command = ballotbox(&["fence"]);
    command.arg(file).args(args).env_remove("BALLOTBOX_EPOCH").env_remove("BALLOTBOX_ID");
    command
}

fn run(file: &Path, args: &[&str]) -> Output {
    fence(file, args).output_in_time()
}

/// It was refused with this code, in one line that says all of this, and nothing has run.
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), ""), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
}

#[test]
fn an_admitted_program_runs_as_if_it_had_been_started_directly() {
    let file = place("runs").join("fence");
    let admitted = ["--token", "4", "--owner", "1", "--"];
    let with = |more: &[&str]| run(&file, &[&admitted, more].concat());
    let output = with(&["printf", "%s|", "a b", "--token", "$HOME", "-x"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "a b|--token|$HOME|-x|"));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    assert_eq!(with(&["sh", "-c", "exit 7"]).status.code(), Some(7));
    let killed = with(&["sh", "-c", "kill -9 $$"]).status;
    assert_eq!((killed.code(), killed.signal()), (None, Some(9)), "128 + 9 for a shell");
    // A name that no text can have, behind `--` and with a dash in front.
    let mut odd = fence(&file, &[&admitted[..], &["printf", "%s"]].concat());
    let output = odd.arg(OsStr::from_bytes(b"-\xff")).output_in_time();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"-\xff"[..]));
}

#[test]
fn who_led_before_does_not_run_and_is_told_the_largest_token() {
    let file = place("refused").join("fence");
    let attempt = |token: &str, owner: &str| {
        run(&file, &["--token", token, "--owner", owner, "--", "echo", "acts"])
    };
    for (token, owner) in [("4", "1"), ("4", "1"), ("41", "3")] {
        let output = attempt(token, owner);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "acts\n"));
    }
    let before = fs::read(&file).unwrap();
    refused(&attempt("4", "1"), 1, &["token 4 is stale", "41 of member 3", "--epoch-floor 41"]);
    refused(&attempt("41", "2"), 1, &["token 41 of member 2 is a duplicate", "of member 3"]);
    // Who names no owner is not member 3 either.
    let nameless = run(&file, &["--token", "41", "--", "echo", "acts"]);
    refused(&nameless, 1, &["token 41 without an owner is a duplicate"]);
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(run(&file, &["--token", "42", "--", "true"]).status.code(), Some(0));
    assert_eq!(run(&file, &["--token", "42", "--", "true"]).status.code(), Some(0));
}

#[test]
fn a_program_that_runs_only_while_its_node_leads_needs_to_say_neither_token_nor_owner() {
    let file = place("environment").join("fence");
    let in_environment = |epoch: &str, id: &str| {
        let mut command = fence(&file, &["--", "true"]);
        command.env("BALLOTBOX_EPOCH", epoch).env("BALLOTBOX_ID", id).output_in_time()
    };
    assert_eq!(in_environment("41", "3").status.code(), Some(0));
    assert!(fs::read_to_string(&file).unwrap().contains("token 41\nowner 3\n"));
    refused(&in_environment("40", "2"), 1, &["token 40 is stale", "41 of member 3"]);
    let mut line_first = fence(&file, &["--token", "43", "--owner", "2", "--", "true"]);
    let output = line_first.env("BALLOTBOX_EPOCH", "1").env("BALLOTBOX_ID", "1").output_in_time();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn what_makes_no_sense_is_refused_and_no_file_is_made() {
    let file = place("usage").join("fence");
    let cases: [(&[&str], &str); 9] = [
        (&["--token", "4", "true"], "'true'"),
        (&["--token", "4"], "<CMD>"),
        (&["--token", "4", "--"], "<CMD>"),
        (&["--", "true"], "--token"),
        (&["--token", "0", "--", "true"], "from 1 to 2147483646"),
        (&["--token", "2147483647", "--", "true"], "`2147483647` is no token"),
        (&["--token", "18446744073709551616", "--", "true"], "is no token"),
        (&["--token", "4", "--owner", "x", "--", "true"], "`x` is no server id"),
        (&["--token", "4", "--within", "5", "--", "true"], "`5` is no time"),
    ];
    for (args, told) in cases {
        let output = run(&file, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(told), "{args:?}: {}", text(&output.stderr));
    }
    assert!(!file.exists());
}

#[test]
fn a_program_that_is_missing_or_cannot_be_executed_has_the_codes_that_shells_have() {
    let place = place("programs");
    let file = place.join("fence");
    let missing = run(&file, &["--token", "4", "--", "/nowhere/program"]);
    refused(&missing, 127, &["cannot run /nowhere/program", "No such file"]);
    refused(&run(&file, &["--token", "4", "--", ""]), 127, &["cannot run"]);
    let program = place.join("program");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(&file, &["--token", "4", "--", program.to_str().unwrap()]);
    refused(&output, 126, &["cannot run", "Permission denied"]);
}

#[test]
fn a_file_that_is_damaged_missing_or_elsewhere_lets_nobody_run() {
    let place = place("files");
    let file = place.join("fence");
    let args = ["--token", "99", "--", "echo", "acts"];
    assert_eq!(run(&file, &["--token", "41", "--", "true"]).status.code(), Some(0));
    let good = fs::read_to_string(&file).unwrap();
    for (content, told) in [
        (good.replace("41", "14"), "its checksum is"),
        (good[..good.len() / 2].to_owned(), "it is torn"),
        (String::new(), "it is torn"),
        ("41\n".to_owned(), "it begins with"),
        (good.replace("fence 1", "fence 2"), "it has version \"2\""),
        (good.repeat(200), "larger than 4096 bytes"),
    ] {
        fs::write(&file, &content).unwrap();
        refused(&run(&file, &args), 2, &[told, file.to_str().unwrap()]);
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
    }
    fs::remove_file(&file).unwrap();
    refused(&run(&file, &args), 2, &["is missing", "fence.lock says so"]);
    fs::write(place.join("elsewhere"), &good).unwrap();
    symlink("elsewhere", &file).unwrap();
    refused(&run(&file, &args), 2, &["symbolic link"]);
    refused(
        &run(&place.join("nowhere/fence"), &args),
        3,
        &["nowhere", "no directory to put it in"],
    );
}

/// A program that has run as far as to say so, and does not end before its input does.
struct Inside {
    child: Child,
    input: Option<ChildStdin>,
    told: BufReader<ChildStdout>,
}

impl Inside {
    fn start(file: &Path, token: &str, script: &str) -> Self {
        let args = ["--token", token, "--owner", token, "--", "sh", "-c", script];
        let mut command = fence(file, &args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, told) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, told }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Ends its input.
    fn end(&mut self) {
        drop(self.input.take());
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn whoever_comes_while_a_program_runs_waits_for_it_and_says_whom_when_that_takes_too_long() {
    let place = place("waits");
    let (file, log) = (place.join("fence"), place.join("log"));
    let script = format!("echo inside; cat >/dev/null; echo 4 >> {}", log.display());
    let mut first = Inside::start(&file, "4", &script);
    assert_eq!(first.line(), "inside");
    let told = format!("is in use by process {}", first.child.id());
    let impatient = run(&file, &["--token", "5", "--within", "1ms", "--", "echo", "acts"]);
    refused(&impatient, 3, &[&told]);
    let mut next = Inside::start(&file, "5", &format!("echo 5 >> {}; echo done", log.display()));
    first.end();
    assert_eq!(next.line(), "done");
    assert_eq!(fs::read_to_string(&log).unwrap(), "4\n5\n", "one after the other");
    assert!(
        ended(&mut first.child, "the first").success()
            && ended(&mut next.child, "the next").success()
    );
    let patient = run(&file, &["--token", "5", "--owner", "5", "--within", "1m", "--", "true"]);
    assert_eq!(patient.status.code(), Some(0), "{}", text(&patient.stderr));
}

#[test]
fn signals_are_for_the_program_and_whatever_is_killed_it_keeps_the_lock_while_it_lives() {
    let file = place("signals").join("fence");
    // A shell runs its traps when the command has ended that it waits for.
    let script = "trap 'echo asked' TERM; echo $$; cat > /dev/null; exit 5";
    let mut inside = Inside::start(&file, "4", script);
    let pid = inside.child.id().to_string();
    assert_eq!(inside.line(), pid, "there is no process in between");
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let impatient = run(&file, &["--token", "5", "--within", "1ms", "--", "echo", "acts"]);
    refused(&impatient, 3, &["is in use by process"]);
    inside.end();
    assert_eq!(inside.line(), "asked");
    assert_eq!(code_of(&mut inside.child, "who is inside"), Some(5));
    assert_eq!(run(&file, &["--token", "5", "--", "true"]).status.code(), Some(0));
}

#[test]
fn what_a_program_leaves_behind_holds_the_lock_until_it_has_ended_too() {
    let place = place("behind");
    let (file, pipe) = (place.join("fence"), place.join("pipe"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = format!("cat {} >/dev/null & echo left", pipe.display());
    let mut inside = Inside::start(&file, "4", &script);
    assert_eq!(inside.line(), "left");
    assert!(ended(&mut inside.child, "who is inside").success());
    let impatient = run(&file, &["--token", "5", "--within", "1ms", "--", "echo", "acts"]);
    refused(&impatient, 3, &["is in use by process"]);
    let mut next = Inside::start(&file, "5", "echo acts");
    // What was left reads to the end, and ends.
    drop(fs::OpenOptions::new().write(true).open(&pipe).unwrap());
    assert_eq!(next.line(), "acts");
}

#[test]
fn the_example_shows_a_late_write_without_a_fence_and_none_with_it() {
    let example = |how: &[&str]| {
        let mut command = Command::new("examples/late-write.sh");
        command.args(how).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("BALLOTBOX", env!("CARGO_BIN_EXE_ballotbox")).output_in_time()
    };
    assert_eq!(text(&example(&[]).stdout), "written in epoch 1\n", "the late one was the last");
    let fenced = example(&["fenced"]);
    assert_eq!(text(&fenced.stdout), "written in epoch 2\n");
    assert!(text(&fenced.stderr).contains("token 1 is stale"), "{}", text(&fenced.stderr));
}
