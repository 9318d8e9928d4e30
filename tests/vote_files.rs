//! Vote files: what is read, what is refused, and in which words.

mod stories;
mod tls;

use std::{io::ErrorKind, time::Duration};

use ballotbox::{
    Endpoint, GroupId, Role, ServerId,
    election::{Epoch, History, Zxid},
    scenario::vote_file::{Expectation, ExpectedLeader, Operation, Step, VoteFile, VoteFileError},
};
use proptest::prelude::*;

const STORY: &str = r#"{
  "title": "The most recent history wins; then the leader dies",
  "members": [
    { "id": 1, "vote": { "zxid": "0x100000002", "epoch": 1 } },
    { "id": 2, "vote": { "zxid": 4294967301, "epoch": 1 }, "election": "127.0.0.1:3881", "quorum": "[::1]:2881" },
    { "id": 3 },
    { "id": 4, "role": "observer" }
  ],
  "timing": { "settle_ms": 50, "grace_ms": 10, "connect_ms": 1000 },
  "steps": [
    { "at_ms": 0, "start": [1, 2, 3, 4] },
    { "at_ms": 500, "kill": [2] },
    { "at_ms": 500, "cut": [[1, 3]] },
    { "at_ms": 600, "heal": true }
  ],
  "expect": [
    { "by_ms": 400, "leader": 2, "following": [1, 3], "observing": [4] },
    { "by_ms": 1500, "leader": null, "looking": [1] }
  ]
}"#;

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn read(text: &str) -> VoteFile {
    VoteFile::parse("story.json", text).unwrap()
}

/// The error as a user sees it; always one line.
fn refused(text: &str) -> String {
    let error = VoteFile::parse("story.json", text).unwrap_err().to_string();
    assert!(!error.contains(char::is_control), "{error:?}");
    assert!(error.starts_with("story.json"), "{error}");
    error
}

fn refused_with(text: &str, parts: &[&str]) {
    let error = refused(text);
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
}

/// A file of three voters and an observer, with these steps.
fn with_steps(steps: &str) -> String {
    format!(
        r#"{{"members":[{{"id":1}},{{"id":2}},{{"id":3}},{{"id":4,"role":"observer"}}],"steps":[{steps}]}}"#
    )
}

/// The same members, started, with this expectation.
fn expecting(expectation: &str) -> String {
    format!(
        r#"{{"members":[{{"id":1}},{{"id":2}},{{"id":3}},{{"id":4,"role":"observer"}}],"expect":[{expectation}]}}"#
    )
}

/// A file of two voters, with these faults.
fn with_faults(faults: &str) -> String {
    format!(r#"{{"members":[{{"id":1}},{{"id":2}}],"faults":{faults}}}"#)
}

#[test]
fn a_file_is_read_into_checked_values() {
    let file = read(STORY);
    let title = file.title.as_ref().unwrap();
    assert_eq!(title.as_written(), "The most recent history wins; then the leader dies");
    let members: Vec<_> = file.members().collect();
    let [first, second, third, fourth] = members.as_slice() else { panic!("{members:?}") };
    assert_eq!(first.1, History { epoch: Epoch(1), zxid: Zxid(0x1_0000_0002) });
    assert_eq!(second.1.zxid, Zxid(0x1_0000_0005));
    assert_eq!(second.0.election, ["127.0.0.1:3881".parse::<Endpoint>().unwrap()]);
    assert_eq!((third.1, third.0.election.len()), (History::default(), 0));
    assert_eq!(fourth.0.role, Role::Observer);
    assert_eq!(file.ensemble().voters().count(), 3);
    assert_eq!(file.timing.election.settle, ms(50));
    assert_eq!(file.timing.election.resend_min, ms(200));
    assert_eq!(file.timing.connect, ms(1000));
    assert_eq!(
        file.steps[2],
        Step { at: ms(500), operation: Operation::Cut(vec![(id(1), id(3))]) }
    );
    assert_eq!(file.steps[3].operation, Operation::Heal);
    assert_eq!(
        file.expectations[1],
        Expectation {
            by: ms(1500),
            leader: Some(ExpectedLeader::Nobody),
            epoch: None,
            following: vec![],
            observing: vec![],
            looking: vec![id(1)],
        }
    );
}

#[test]
fn without_steps_all_members_start_at_once() {
    let file = read(r#"{"members":[{"id":2},{"id":1}]}"#);
    assert_eq!(file.steps, [Step { at: ms(0), operation: Operation::Start(vec![id(2), id(1)]) }]);
}

#[test]
fn an_expectation_has_to_stay_true_until_the_next_step() {
    let file = read(STORY);
    assert_eq!(file.window_end(&file.expectations[0]), Some(ms(500)));
    assert_eq!(file.window_end(&file.expectations[1]), None);
}

#[test]
fn weights_and_groups_make_a_hierarchical_quorum() {
    let file = read(
        r#"{"members":[{"id":1,"group":1,"weight":0},{"id":2,"group":1},{"id":3,"group":2,"weight":3}]}"#,
    );
    assert_eq!(file.membership.get(id(1)).unwrap().weight, Some(0));
    assert_eq!(file.membership.get(id(3)).unwrap().group, Some(GroupId(2)));
    assert!(!file.ensemble().may_lead(id(1)));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    read(&format!("\u{feff}{STORY}"));
}

#[test]
fn what_is_written_reads_back_the_same() {
    let file = read(STORY);
    let text = file.to_json();
    assert_eq!(read(&text), file, "{text}");
    assert!(text.contains(r#""zxid": "0x100000005""#), "{text}");
}

#[test]
fn a_file_is_written_as_people_write_it_one_entry_a_line() {
    let story = r#"{
  "title": "Two",
  "members": [
    { "id": 1, "vote": { "zxid": "0x5", "epoch": 1 } },
    { "id": 2, "role": "observer" }
  ],
  "steps": [
    { "at_ms": 0, "start": [1, 2] },
    { "at_ms": 12.345, "cut": [[1, 2], [2, 1]] },
    { "at_ms": 20, "heal": true }
  ],
  "expect": [
    { "by_ms": 400, "leader": 1, "observing": [2] }
  ],
  "faults": {
    "until_ms": 100,
    "breaks": 2,
    "delay_us": [50, 2000]
  }
}"#;
    assert_eq!(read(story).to_json(), story);
}

#[test]
fn what_cannot_be_seen_in_a_title_is_shown_and_saved_in_digits() {
    let title = "right\u{202e}to left\u{2028}and \u{e0041}a tag";
    let file = read(&format!(r#"{{"title":"{title}","members":[{{"id":1}}]}}"#));
    let shown = file.title.as_ref().unwrap().to_string();
    assert_eq!(shown, r"right\u{202e}to left\u{2028}and \u{e0041}a tag");
    let saved = file.to_json();
    assert!(saved.contains(r"right\u202eto left\u2028and \udb40\udc41a tag"), "{saved}");
    assert_eq!(read(&saved).title.unwrap().as_written(), title);
}

#[test]
fn only_a_wrong_path_is_answered_with_what_the_file_should_be() {
    let error = |kind: ErrorKind| {
        let cause = std::io::Error::from(kind).into();
        VoteFileError::Unreadable { file: "votes.json".into(), cause, kind }.to_string()
    };
    assert_eq!(error(ErrorKind::PermissionDenied), "votes.json: permission denied");
    for kind in [ErrorKind::NotFound, ErrorKind::IsADirectory] {
        assert!(error(kind).ends_with(": expected a vote file in JSON"));
    }
}

#[test]
fn a_missing_file_is_named_and_so_is_a_directory() {
    let missing = std::path::Path::new("/nowhere/story.json");
    let error = VoteFile::read(missing).unwrap_err();
    assert!(matches!(error, VoteFileError::Unreadable { .. }));
    let text = error.to_string();
    assert!(text.starts_with("/nowhere/story.json: No such file"), "{text}");
    assert!(VoteFile::read(std::path::Path::new("/")).is_err());
}

#[test]
fn a_file_that_is_too_large_or_no_text_is_refused_before_it_is_parsed() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let large = folder.join("large.json");
    std::fs::write(&large, vec![b' '; (1 << 20) + 1]).unwrap();
    let error = VoteFile::read(&large).unwrap_err();
    assert!(matches!(error, VoteFileError::TooLarge { .. }), "{error}");
    let binary = folder.join("binary.json");
    std::fs::write(&binary, b"{\"title\":\"\xff\"}").unwrap();
    let error = VoteFile::read(&binary).unwrap_err();
    assert!(matches!(error, VoteFileError::NotUtf8 { at: 10, .. }), "{error}");
}

#[test]
fn text_that_is_not_json_is_refused_with_its_place() {
    refused_with("", &["line 1, column 0", "EOF", "ends too early"]);
    refused_with("{\n \"members\": [ {\"id\": 1},\n", &["line 3", "members", "ends too early"]);
    refused_with("members: 1", &["line 1, column 1", "not JSON"]);
    refused_with(r#"{"members":[{"id":NaN}]}"#, &["line 1", "members[0].id", "not JSON"]);
    refused_with(r#"{"members":[{"id":1}]} {}"#, &["trailing characters", "not JSON"]);
    refused_with(r#"{"members":[{"id":1e999}]}"#, &["members[0].id", "out of range"]);
    refused_with("[]", &["sequence, expected an object"]);
    refused_with(r#"{"members":[[1]]}"#, &["members[0]", "sequence, expected an object"]);
    refused(&"[".repeat(100_000));
}

#[test]
fn unknown_and_repeated_and_missing_fields_are_refused_by_name() {
    refused_with(r#"{"members":[{"id":1}],"step":[]}"#, &["unknown field `step`", "`steps`"]);
    refused_with(
        r#"{"members":[{"id":1,"vote":{"zixd":1}}]}"#,
        &["members[0].vote.zixd", "unknown field", "`zxid`"],
    );
    refused_with(r#"{"members":[{"id":1,"id":2}]}"#, &["members[0]", "duplicate field `id`"]);
    refused_with(r#"{"members":[{}]}"#, &["members[0]", "missing field `id`"]);
    refused_with("{}", &["missing field `members`"]);
}

#[test]
fn absurd_numbers_are_refused_with_what_was_found_and_what_was_expected() {
    let id = |id: &str| format!(r#"{{"members":[{{"id":{id}}}]}}"#);
    for wrong in ["-1", "1.5", "9223372036854775807", "18446744073709551616", "\"1\"", "null"] {
        refused_with(
            &id(wrong),
            &["members[0].id", "a server id: a whole number from 0 to 9223372036854775806"],
        );
    }
    read(&id("9223372036854775806"));
    read(&id("0"));
    let zxid = |zxid: &str| format!(r#"{{"members":[{{"id":1,"vote":{{"zxid":{zxid}}}}}]}}"#);
    for wrong in ["-1", "\"100000002\"", "\"0x\"", "\"0x+1\"", "\"0x8000000000000000\"", "true"] {
        refused_with(&zxid(wrong), &["members[0].vote.zxid", "a zxid", "0x100000002"]);
    }
    read(&zxid("\"0x7fffffffffffffff\""));
    refused_with(
        r#"{"members":[{"id":1,"vote":{"epoch":2147483648}}]}"#,
        &["members[0].vote.epoch", "2147483648", "2147483647"],
    );
    refused_with(
        &with_steps(r#"{"at_ms":3600001,"start":[1]}"#),
        &["steps[0].at_ms", "3600001", "from 0 to 3600000"],
    );
    refused_with(
        r#"{"members":[{"id":1}],"timing":{"connect_ms":0}}"#,
        &["timing.connect_ms", "from 1 to 3600000"],
    );
    refused_with(r#"{"members":[{"id":1,"weight":-1,"group":1}]}"#, &["members[0].weight", "`-1`"]);
}

#[test]
fn members_that_are_no_ensemble_are_refused() {
    refused_with(r#"{"members":[]}"#, &["members: no member is a voter"]);
    refused_with(r#"{"members":[{"id":1,"role":"observer"}]}"#, &["members: no member is a voter"]);
    refused_with(r#"{"members":[{"id":1},{"id":2},{"id":1}]}"#, &["members[2].id", "id 1"]);
    refused_with(
        r#"{"members":[{"id":1,"weight":2}]}"#,
        &["members[0].group", "voter 1 is in no group"],
    );
    refused_with(
        r#"{"members":[{"id":1,"weight":0,"group":1},{"id":2,"weight":0,"group":2}]}"#,
        &["members: every voter has weight 0"],
    );
    let heavy = i64::MAX;
    let heavy = |id| format!(r#"{{"id":{id},"group":7,"weight":{heavy}}}"#);
    refused_with(
        &format!(r#"{{"members":[{},{},{}]}}"#, heavy(1), heavy(2), heavy(3)),
        &["members[2].weight", "group 7"],
    );
    refused_with(
        r#"{"members":[{"id":1},{"id":2,"role":"observer","weight":1}]}"#,
        &["members[1].weight", "2 is an observer"],
    );
    refused_with(r#"{"members":[{"id":1,"role":"leader"}]}"#, &["members[0].role", "`voter`"]);
    let many: Vec<_> = (0..256).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    refused_with(
        &format!(r#"{{"members":[{}]}}"#, many.join(",")),
        &["members: 256 entries: expected at most 255"],
    );
}

#[test]
fn addresses_that_cannot_be_used_are_refused() {
    let at = |election: &str| format!(r#"{{"members":[{{"id":1,"election":"{election}"}}]}}"#);
    refused_with(&at("localhost"), &["members[0].election", "has no port"]);
    refused_with(&at("h:70000"), &["members[0].election", "70000"]);
    refused_with(&at("h:0"), &["members[0].election", "port 0"]);
    refused_with(
        r#"{"members":[{"id":1,"election":"h:1"},{"id":2,"quorum":"h:1"}]}"#,
        &["members[1].quorum", "h:1 is also members[0].election"],
    );
}

#[test]
fn titles_are_one_short_line() {
    refused_with(r#"{"title":"a\nb","members":[{"id":1}]}"#, &["title: expected one line"]);
    let long = "x".repeat(201);
    refused_with(&format!(r#"{{"title":"{long}","members":[{{"id":1}}]}}"#), &["title"]);
    // What is quoted from the file stays one line, too.
    refused_with(r#"{"members":[{"id":1}],"a\u001b[31m\nb":1}"#, &["unknown field"]);
}

#[test]
fn timings_that_contradict_each_other_are_refused() {
    refused_with(
        r#"{"members":[{"id":1}],"timing":{"resend_min_ms":300,"resend_max_ms":299}}"#,
        &["timing.resend_max_ms", "299", "300"],
    );
}

#[test]
fn delays_are_a_shortest_and_a_longest_one() {
    for (wrong, found) in
        [("[1,2,3]", "length 3"), ("[1]", "length 1"), ("500", "`500`"), (r#""1""#, "string")]
    {
        let expected = "expected [shortest, longest] in microseconds, as in [50, 250]";
        let faults = format!(r#"{{"delay_us":{wrong}}}"#);
        refused_with(&with_faults(&faults), &["faults.delay_us", found, expected]);
    }
    refused_with(
        &with_faults(r#"{"delay_us":[0,5]}"#),
        &["faults.delay_us[0]: 0: expected at least 1"],
    );
    refused_with(
        &with_faults(r#"{"delay_us":[6,5]}"#),
        &["faults.delay_us: expected the shortest"],
    );
    refused_with(
        &with_faults(r#"{"delay_us":[1,1000001]}"#),
        &["faults.delay_us[1]", "microseconds: a whole number from 0 to 1000000"],
    );
}

#[test]
fn a_file_cut_short_anywhere_is_refused_in_one_line() {
    for end in (0..STORY.len()).filter(|end| STORY.is_char_boundary(*end)) {
        refused(&STORY[..end]);
    }
}

proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC*") {
        let _ = VoteFile::parse("story.json", &text);
    }

    #[test]
    fn reading_a_damaged_file_never_panics(at in 0..STORY.len(), with in "[\"0-9a-z{}\\[\\],:-]{0,3}") {
        let mut text = STORY.to_owned();
        text.replace_range(at..=at, &with);
        match VoteFile::parse("story.json", &text) {
            // Whatever is accepted can be written, and reads back the same.
            Ok(file) => prop_assert_eq!(read(&file.to_json()), file),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}

#[test]
fn leadership_is_played_unless_the_file_says_otherwise() {
    let file = read(
        r#"{"ensemble":"Ödland","members":[{"id":1,"new":true},{"id":2,"vote":{"epoch":3}}],
            "timing":{"ping_ms":50,"silence_ms":400,"establish_ms":900},
            "steps":[{"at_ms":0,"start":[1]},{"at_ms":1,"fill":[1,2]},{"at_ms":2,"free":[1]},
                     {"at_ms":3,"wipe":[2]},{"at_ms":4,"resign":{"id":1,"to":2}}],
            "expect":[{"by_ms":9,"leader":2,"epoch":4}],
            "faults":{"until_ms":9,"wipes":1,"disk_full":2,"disk_stalls":3}}"#,
    );
    assert!(file.leadership && file.new_disks == [id(1)].into());
    assert_eq!(&*file.ensemble_name, "Ödland");
    let timing = file.timing.leadership;
    assert_eq!([timing.ping, timing.silence, timing.establish], [50, 400, 900].map(ms));
    assert_eq!(file.steps[1].operation, Operation::Fill(vec![id(1), id(2)]));
    assert_eq!(file.steps[2].operation, Operation::Free(vec![id(1)]));
    assert_eq!(file.steps[3].operation, Operation::Wipe(vec![id(2)]));
    assert_eq!(file.steps[4].operation, Operation::Resign { member: id(1), to: Some(id(2)) });
    assert_eq!(file.expectations[0].epoch, Some(Epoch(4)));
    let told = file.faults.as_ref().unwrap().to_string();
    assert!(told.starts_with("1 wipe, 2 disk full, 3 disk stalls, until 9 ms; "), "{told}");
    assert_eq!(read(&file.to_json()), file, "{}", file.to_json());
    let alone = read(r#"{"leadership":false,"members":[{"id":1}]}"#);
    assert!(!alone.leadership && read(&alone.to_json()) == alone);
}
