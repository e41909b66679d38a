//! Damaged dictionaries are refused by the name of the key, and damaged texts without a panic.

use dm_core::command::{Command, ListFilter, Reply};
use dm_core::error::{DmError, ErrorKind};
use dm_proto::netbsd::{LIMITS, command, keys, reply};
use dm_proto::proplib::{Dictionary, Value, read_dictionary, write_dictionary};
use dm_proto::server::respond;

use super::random::{COMMANDS, Random};
use super::samples;

const LIST: Command = Command::List(ListFilter::ALL);

/// One damage: the key, whether it is gone or of another type, and what is left.
struct Damage {
    key: String,
    gone: bool,
    left: Dictionary,
}

/// Every damage to one key, at the top or in the items of `cmd_data`.
fn damages(whole: &Dictionary) -> Vec<Damage> {
    let mut all = Vec::new();
    for (key, value) in whole {
        let key = key.to_string();
        let mut add = |key: &str, gone: bool, change: &dyn Fn(&mut Dictionary)| {
            let (key, mut left) = (key.to_owned(), whole.clone());
            change(&mut left);
            all.push(Damage { key, gone, left });
        };
        add(&key, true, &|left| {
            left.remove(&key);
        });
        for wrong in wrong_values(value) {
            add(&key, false, &|left| {
                left.set(&key, wrong.clone());
            });
        }
        for (at, item) in value.array().unwrap_or_default().iter().enumerate() {
            let with = |left: &mut Dictionary, item: Value| {
                let mut items = value.array().unwrap_or_default().to_vec();
                items[at] = item;
                left.set(&key, items);
            };
            for wrong in wrong_values(item) {
                add(&key, false, &|left| with(left, wrong.clone()));
            }
            for inner in item.dict().map(damages).unwrap_or_default() {
                add(&inner.key, inner.gone, &|left| {
                    with(left, inner.left.clone().into());
                });
            }
        }
    }
    all
}

/// Values of other types, and out of range.
fn wrong_values(right: &Value) -> Vec<Value> {
    let mut wrong = vec![
        Value::from(vec![0xff_u8]),
        Dictionary::new().into(),
        Value::Signed(-1),
    ];
    if right.array().is_none() {
        wrong.push(Value::Array(Vec::new()));
    }
    if right.bool().is_none() {
        wrong.push(true.into());
    }
    if right.string().is_none() {
        wrong.push("x".into());
    }
    wrong
}

fn assert_names(error: &DmError, key: &str, kinds: &[ErrorKind]) {
    let reason = error.reason();
    assert!(kinds.contains(&error.kind), "{key}: {error:?}");
    let words: Vec<&str> = reason.split([' ', ',', ':']).collect();
    assert!(words.contains(&key), "{key}: {reason}");
}

#[test]
fn damaged_request_names_its_key() {
    let mut left_out = Vec::new();
    for command in samples::commands() {
        let request = command::encode(&command);
        assert_eq!(command::decode(&request).unwrap(), command);
        for Damage { key, gone, left } in damages(&request) {
            match command::decode(&left) {
                Err(error) => assert_names(&error, &key, &[ErrorKind::Protocol]),
                Ok(other) => {
                    assert!(gone, "{key} of {command:?} read as {other:?}");
                    assert_ne!(other, command, "{key} says nothing");
                    left_out.push((command.verb(), key));
                }
            }
        }
    }
    let left_out: Vec<_> = left_out
        .iter()
        .map(|(verb, key)| (*verb, key.as_str()))
        .collect();
    // All that a request of the kind may do without.
    let optional = [
        ("ls", keys::NAME),
        ("ls", keys::UUID),
        ("create", keys::UUID),
        ("remove", keys::FORCED),
        ("remove_all", keys::FORCED),
    ];
    assert_eq!(left_out, optional);
}

#[test]
fn damaged_reply_names_its_key() {
    let echoed = [keys::EVENT_NR, keys::FLAGS, keys::VERSION];
    for wanted in samples::replies() {
        let answer = reply::encode(command::encode(&LIST), &Ok(wanted.clone()));
        for Damage { key, gone, left } in damages(&answer) {
            match reply::decode(&LIST, &left) {
                Err(error) => assert_names(&error, &key, &[ErrorKind::Protocol]),
                // A uuid, an event or a text of an item may be missing, and a geometry; an echo
                // says nothing.
                Ok(other) if gone => match key.as_str() {
                    keys::UUID | keys::EVENT_NR | keys::TEXT | keys::GEOMETRY
                        if other != wanted => {}
                    _ => assert!(echoed.contains(&key.as_str()), "{key} of {wanted:?}"),
                },
                Ok(other) => assert!(
                    echoed.contains(&key.as_str()) && other == wanted,
                    "{key} of {wanted:?}"
                ),
            }
        }
    }
}

#[test]
fn damaged_failure_names_its_key() {
    let failure = DmError::because(ErrorKind::Busy, "it is open").at_line(3);
    let mut answer = reply::encode(command::encode(&LIST), &Err(failure));
    for key in [keys::ERROR_KIND, keys::ERROR, keys::ERRNO, keys::ERROR_LINE] {
        let right = answer.get(key).cloned().unwrap();
        answer.set(key, Dictionary::new());
        let error = reply::decode(&LIST, &answer).unwrap_err();
        assert_names(&error, key, &[ErrorKind::Protocol]);
        answer.set(key, right);
    }
    assert!(answer.remove(keys::ERROR).is_some());
    let error = reply::decode(&LIST, &answer).unwrap_err();
    assert_names(&error, keys::ERROR, &[ErrorKind::Protocol]);
    answer.set(keys::ERROR, "x").set(keys::ERROR_KIND, "odd");
    let error = reply::decode(&LIST, &answer).unwrap_err();
    assert_eq!(
        error.report(),
        "ls: the key error_kind has the unknown value \"odd\""
    );
}

#[test]
fn bad_names_are_invalid_and_not_garbage() {
    let refused = |command: &Command, change: &dyn Fn(&mut Dictionary)| {
        let mut request = command::encode(command);
        change(&mut request);
        command::decode(&request).unwrap_err()
    };
    let samples = samples::commands();
    let error = refused(&samples[3], &|request| {
        request.set(keys::NAME, "x".repeat(128));
    });
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(
        error.reason(),
        "the key name is wrong: the device name has 128 bytes, at most 127 are allowed"
    );
    let error = refused(&samples[6], &|request| {
        request.set(keys::CMD_DATA, ["a/b"].into_iter().collect::<Value>());
    });
    assert_eq!(error.kind, ErrorKind::Invalid);
    let error = refused(&samples[8], &|request| {
        let mut lines = request.array(keys::CMD_DATA).unwrap().to_vec();
        let mut line = lines[1].dict().unwrap().clone();
        line.set(keys::TYPE, "averyveryverylong");
        lines[1] = line.into();
        request.set(keys::CMD_DATA, lines);
    });
    assert_eq!(
        (error.kind, error.context.line),
        (ErrorKind::InvalidTable, Some(2))
    );
}

#[test]
fn what_a_request_can_not_mean_is_refused() {
    let refused = |change: &dyn Fn(&mut Dictionary)| {
        let mut request = command::encode(&samples::commands()[9]);
        change(&mut request);
        command::decode(&request).unwrap_err()
    };
    let error = refused(&|request| {
        request.set(keys::UUID, "u");
    });
    assert_eq!(
        error.reason(),
        "the key name says which device, and so does uuid"
    );
    let error = refused(&|request| {
        request.set(keys::VERSION, [5_u32, 0, 0].into_iter().collect::<Value>());
    });
    assert_eq!(
        error.reason(),
        "the key version has the unknown value \"5.0.0\""
    );
    let error = refused(&|request| {
        request.set(keys::COMMAND, "mknodes");
    });
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

/// A reply that belongs to another command is not taken for this one's.
#[test]
fn echo_of_another_command_is_refused() {
    let answer = reply::encode(command::encode(&LIST), &Ok(Reply::Done));
    let error = reply::decode(&Command::Targets, &answer).unwrap_err();
    assert_names(&error, keys::COMMAND, &[ErrorKind::Protocol]);
}

/// A request can not smuggle in what would make its reply a failure, or another reply.
#[test]
fn reply_keys_in_a_request_are_not_echoed() {
    let mut request = command::encode(&Command::RemoveAll {
        mode: Default::default(),
    });
    request
        .set(keys::ERROR_KIND, "busy")
        .set(keys::REPLY, "lines")
        .set(keys::CMD_DATA, Vec::<Value>::new())
        .set("other", "kept");
    let command = command::decode(&request).unwrap();
    let answer = reply::encode(request, &Ok(Reply::Done));
    assert_eq!(reply::decode(&command, &answer).unwrap(), Reply::Done);
    assert!(!answer.contains(keys::CMD_DATA));
    assert_eq!(answer.string("other"), Some("kept"));
}

/// The table, which may hold keys, is not sent back.
#[test]
fn table_is_not_echoed() {
    let load = samples::commands().swap_remove(8);
    let request = write_dictionary(&command::encode(&load));
    for result in [Ok(Reply::Done), Err(DmError::new(ErrorKind::Busy))] {
        let answer = respond(&request, &|_| result.clone());
        let answer = String::from_utf8(answer).unwrap();
        assert!(!answer.contains("/dev/sda"), "{answer}");
    }
}

fn assert_answers(request: &[u8]) -> bool {
    let answer = respond(request, &|command| match command.changes() {
        true => Ok(Reply::Done),
        false => Err(DmError::new(ErrorKind::NotFound)),
    });
    let answer = read_dictionary(&answer, &LIMITS).expect("an answer is a dictionary");
    assert_eq!(answer.string(keys::DIALECT), Some(keys::ENGINE));
    let done = answer.contains(keys::REPLY);
    assert_ne!(done, answer.contains(keys::ERROR_KIND));
    done
}

#[test]
fn mutated_texts_are_answered() {
    let mut random = Random(0xdead_0fb0_dead_0fb0);
    let mut done = 0;
    for round in 0..20_000 {
        let mut text = write_dictionary(&command::encode(&random.command(round % COMMANDS)));
        for _ in 0..=random.below(3) {
            let at = random.below(text.len());
            let end = (at + 1 + random.below(30)).min(text.len());
            match random.below(6) {
                0 => text[at] ^= 1 << random.below(8),
                1 => text[at] = random.next().to_le_bytes()[0],
                2 => text.truncate(at.max(1)),
                3 => drop(text.drain(at..end.min(text.len() - 1).max(at))),
                4 => {
                    let copy = text[at..end].to_vec();
                    let to = random.below(text.len());
                    text.splice(to..to, copy);
                }
                _ => {
                    let to = random.below(text.len());
                    text.swap(at, to);
                }
            }
        }
        done += usize::from(assert_answers(&text));
    }
    // Some mutations hit blanks or strings; most do not.
    assert!(done > 100, "{done}");
}

#[test]
fn mutated_dictionaries_are_answered() {
    let mut random = Random(0x0fb0_dead_0fb0_dead);
    for round in 0..5000 {
        let whole = command::encode(&random.command(round % COMMANDS));
        let mut damages = damages(&whole);
        let damage = damages.swap_remove(random.below(damages.len()));
        assert_answers(&write_dictionary(&damage.left));
    }
}
