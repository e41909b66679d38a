//! What one end writes the other reads.

use std::collections::HashSet;
use std::mem::discriminant;

use dm_core::command::{Command, Load, Reply};
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_proto::netbsd::{LIMITS, command, reply};
use dm_proto::proplib::{Dictionary, read_dictionary, write_dictionary};

use super::random::{COMMANDS, REPLIES, Random};

const ROUNDS: usize = 200;

/// A dictionary as the other end reads it.
fn sent(dictionary: &Dictionary) -> Dictionary {
    read_dictionary(&write_dictionary(dictionary), &LIMITS).expect("what is written is read")
}

fn answered(command: &Command, result: &Result<Reply, DmError>) -> Result<Reply, DmError> {
    let answer = reply::encode(sent(&command::encode(command)), result);
    reply::decode(command, &sent(&answer))
}

#[test]
fn every_command_arrives() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut seen = HashSet::new();
    for variant in 0..COMMANDS {
        for _ in 0..ROUNDS {
            let command = random.command(variant);
            seen.insert(discriminant(&command));
            let request = command::encode(&command);
            assert_eq!(*command::write(&command), *write_dictionary(&request));
            let arrived = command::decode(&sent(&request));
            assert_eq!(arrived.unwrap(), command);
        }
    }
    assert_eq!(seen.len(), COMMANDS);
}

#[test]
fn every_reply_arrives() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut seen = HashSet::new();
    for variant in 0..REPLIES {
        for round in 0..ROUNDS {
            let command = random.command(round % COMMANDS);
            let reply = random.reply(variant);
            seen.insert(discriminant(&reply));
            assert_eq!(answered(&command, &Ok(reply.clone())).unwrap(), reply);
        }
    }
    assert_eq!(seen.len(), REPLIES);
}

#[test]
fn every_failure_arrives() {
    let mut random = Random(0xfeed_beef_0bad_cafe);
    for kind in ErrorKind::ALL {
        for round in 0..ROUNDS {
            let command = random.command(round % COMMANDS);
            let error = random.error(*kind);
            let arrived = answered(&command, &Err(error.clone())).unwrap_err();
            assert_eq!(arrived.kind, *kind);
            assert_eq!(arrived.reason(), error.reason());
            assert_eq!(
                arrived.context,
                error.about(command.verb(), command.device()).context
            );
        }
    }
}

#[test]
fn long_tables_arrive() {
    let mut random = Random(7);
    let lines: Vec<TableLine> = (0..10_000).map(|_| random.line()).collect();
    let load = Command::Load(Load::new(DmName::new("vol0").unwrap(), lines.clone()));
    let arrived = command::decode(&sent(&command::encode(&load))).unwrap();
    assert!(arrived == load);
    let reply = Reply::Lines(random.info(), lines);
    let table = random.command(14);
    assert!(answered(&table, &Ok(reply.clone())).unwrap() == reply);
}

/// The numbers that `FRAME_MAX` is chosen by.
#[test]
fn million_lines_fit_a_frame() {
    let line: TableLine = "123456789 8192 linear /dev/mapper/vg0 1234567890"
        .parse()
        .unwrap();
    let request = |count| {
        let load = Load::new(DmName::new("vol0").unwrap(), vec![line.clone(); count]);
        write_dictionary(&command::encode(&Command::Load(load))).len()
    };
    let a_line = (request(1010) - request(10)) / 1000;
    assert!(
        (a_line + 1) * 1_000_000 <= dm_proto::frame::FRAME_MAX,
        "{a_line}"
    );
    // A line is a dictionary of four values.
    const { assert!(5 * 1_000_000 < LIMITS.items) };
}
