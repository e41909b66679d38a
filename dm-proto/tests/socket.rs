//! A driver behind a Unix socket, and what becomes of calls when it goes away.
#![cfg(unix)]

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dm_core::backend::{Backend, Features};
use dm_core::client::Dm;
use dm_core::command::{Command, Create, ListFilter, RemoveMode, Reply};
use dm_core::engine::{Engine, VERSION};
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmName;
use dm_proto::frame::{FRAME_MAX, read_frame, write_frame};
use dm_proto::netbsd::{command, reply};
use dm_proto::proplib::write_dictionary;
use dm_proto::server::respond;
use dm_proto::socket::SocketBackend;
use tempfile::TempDir;

/// A daemon that hands each connection to `serve`, which gets its number.
struct Daemon {
    dir: TempDir,
    connections: Arc<AtomicUsize>,
}

impl Daemon {
    fn new(serve: impl Fn(usize, UnixStream) + Send + Sync + 'static) -> Daemon {
        let dir = TempDir::new().expect("a directory");
        let connections = Arc::new(AtomicUsize::new(0));
        let listener = UnixListener::bind(dir.path().join("dm.sock")).expect("a socket");
        let count = connections.clone();
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let (serve, stream) = (serve.clone(), stream.expect("a connection"));
                thread::spawn(move || serve(number, stream));
            }
        });
        Daemon { dir, connections }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("dm.sock")
    }

    fn connect(&self) -> SocketBackend {
        SocketBackend::connect(&self.path()).expect("a connection")
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Answers one request; false at the end.
fn answer(engine: &Engine, stream: &mut UnixStream) -> bool {
    let Some(request) = read_frame(stream, FRAME_MAX).expect("a request") else {
        return false;
    };
    let reply = respond(&request, &|command| engine.call(command));
    write_frame(stream, &reply).expect("the reply goes out");
    true
}

fn create(name: &str) -> Command {
    Command::Create(Create::new(DmName::new(name).expect("a name")))
}

fn failure(result: Result<Reply, DmError>) -> DmError {
    result.expect_err("a failure")
}

#[test]
fn engine_answers_over_a_socket() {
    let engine = Engine::new();
    let daemon = Daemon::new(move |_, mut stream| while answer(&engine, &mut stream) {});
    let backend = Arc::new(daemon.connect());
    assert_eq!(backend.capabilities().driver, "socket");
    let features = Features::all() - Features::PROBE_PATHS;
    assert_eq!(backend.capabilities().features, features);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let dm = Dm::new(backend.clone());
            thread::spawn(move || {
                for at in 0..25 {
                    let name = DmName::new(&format!("vol{thread}-{at}")).unwrap();
                    let info = dm.create(Create::new(name.clone())).unwrap();
                    assert_eq!(info.name, name);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let dm = Dm::new(backend);
    assert_eq!(dm.list().unwrap().len(), 100);
    let exists = dm
        .create(Create::new(DmName::new("vol0-0").unwrap()))
        .unwrap_err();
    assert_eq!(
        exists.report(),
        "create vol0-0: a device named vol0-0 exists"
    );
    dm.remove_all(RemoveMode::IfUnused).unwrap();
    assert_eq!(daemon.connections(), 1);
}

#[test]
fn idle_connection_that_was_closed_is_made_again() {
    let engine = Engine::new();
    let (sender, closed) = std::sync::mpsc::channel();
    let daemon = Daemon::new(move |_, mut stream| {
        answer(&engine, &mut stream);
        drop(stream);
        sender.send(()).expect("the test listens");
    });
    let backend = daemon.connect();
    for _ in 0..3 {
        let reply = backend.call(Command::Version).unwrap();
        assert_eq!(reply, Reply::Version(VERSION));
        closed.recv().unwrap();
    }
    assert_eq!(daemon.connections(), 3);
}

#[test]
fn daemon_that_goes_in_mid_request_is_not_asked_twice() {
    let engine = Engine::new();
    let daemon = Daemon::new(move |number, mut stream| match number {
        // It obeys, and goes without a word.
        0 => {
            let request = read_frame(&mut stream, FRAME_MAX).expect("a frame");
            respond(&request.expect("a request"), &|command| {
                engine.call(command)
            });
        }
        _ => while answer(&engine, &mut stream) {},
    });
    let backend = daemon.connect();
    let error = failure(backend.call(create("vol0")));
    assert_eq!(error.kind, ErrorKind::Io);
    assert_eq!(
        error.report(),
        "create vol0: the daemon closed the connection without a reply: whether it obeyed is not known"
    );
    assert_eq!(daemon.connections(), 1);
    // The next call is a new start.
    let exists = failure(backend.call(create("vol0")));
    assert_eq!(exists.kind, ErrorKind::Exists);
    assert_eq!(daemon.connections(), 2);
}

#[test]
fn cut_and_senseless_replies_say_so() {
    let daemon = Daemon::new(|number, mut stream| {
        read_frame(&mut stream, FRAME_MAX).expect("a frame");
        let other = reply::encode(
            command::encode(&Command::List(ListFilter::ALL)),
            &Ok(Reply::Done),
        );
        let written = match number {
            0 => stream.write_all(b"\0\0\0\x09hel"),
            1 => stream.write_all(b"\xff\xff\xff\xff"),
            2 => write_frame(&mut stream, b"hello"),
            _ => write_frame(&mut stream, &write_dictionary(&other)),
        };
        written.expect("the reply goes out");
    });
    let expected = [
        (
            ErrorKind::Io,
            "the connection ended within a message, after 3 of 9 bytes",
        ),
        (
            ErrorKind::Protocol,
            "a message of 4294967295 bytes is longer than 268435456",
        ),
        (
            ErrorKind::Protocol,
            "property list: line 1, column 1: a tag was expected",
        ),
        (
            ErrorKind::Protocol,
            "the key command has the unknown value \"names\"",
        ),
    ];
    for (kind, reason) in expected {
        let error = failure(daemon.connect().call(Command::Version));
        assert_eq!((error.kind, error.reason().as_str()), (kind, reason));
        assert_eq!(error.context.command, Some("version"));
    }
}

#[test]
fn nobody_at_the_socket_is_said_with_its_path() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("dm.sock");
    let error = SocketBackend::connect(&path).err().unwrap();
    assert_eq!(
        (error.kind, error.context.errno),
        (ErrorKind::Io, Some(Errno::ENOENT))
    );
    let wanted = format!("no daemon listens on {}: ", path.display());
    assert!(error.reason().starts_with(&wanted), "{}", error.reason());

    drop(UnixListener::bind(&path).unwrap());
    let error = SocketBackend::connect(&path).err().unwrap();
    assert_eq!(error.context.errno, Some(Errno::ECONNREFUSED));

    let long = dir.path().join("x".repeat(200));
    let error = SocketBackend::connect(&long).err().unwrap();
    assert!(
        error.reason().starts_with("connecting to "),
        "{}",
        error.reason()
    );
}

#[test]
fn daemon_that_is_gone_between_calls_is_not_found_again() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("dm.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let backend = SocketBackend::connect(&path).unwrap();
    drop(listener.accept().unwrap());
    drop(listener);
    let error = failure(backend.call(Command::Version));
    assert_eq!(error.kind, ErrorKind::Io);
    assert!(
        error.reason().starts_with("no daemon listens on "),
        "{}",
        error.reason()
    );
}

#[test]
fn given_stream_serves_until_it_breaks() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let backend = SocketBackend::from_stream(ours);
    let server = thread::spawn(move || answer(&Engine::new(), &mut theirs));
    assert_eq!(
        backend.call(Command::Version).unwrap(),
        Reply::Version(VERSION)
    );
    assert!(server.join().unwrap());
    let error = failure(backend.call(Command::Version));
    assert_eq!(
        error.report(),
        "version: the daemon did not take the whole request: broken pipe"
    );
    let error = failure(backend.call(Command::Version));
    assert_eq!(error.reason(), "the connection to the daemon is closed");
}
