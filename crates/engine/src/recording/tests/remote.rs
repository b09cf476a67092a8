//! A running retop that is replayed from elsewhere, and what becomes of that when it stops answering.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use retop_model::Snapshot;

use super::{Made, Temporary, whole};
use crate::export::Arguments;
use crate::history::{History, KEY_INTERVAL, Past};
use crate::recording::{Remote, Replay, segment_of};

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(600);

/// What a server does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Answers,
    /// With a status that is none of success.
    Refuses,
    /// The connection is closed at once.
    Leaves,
    /// Half of the body comes, and then the end.
    Half,
    /// Nothing comes, and no end either.
    Hangs,
    /// A little comes again and again.
    Drips,
}

/// A server of a history that does as it is told.
struct Server {
    address: SocketAddr,
    history: Arc<Mutex<History>>,
    manner: Arc<Mutex<Manner>>,
}

impl Server {
    fn start() -> Server {
        let history = History::with_arguments(64 << 20, Arguments::Full).expect("a history");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Server {
            address: listener.local_addr().expect("bound"),
            history: Arc::new(Mutex::new(history)),
            manner: Arc::new(Mutex::new(Manner::Answers)),
        };
        let (history, manner) = (Arc::clone(&server.history), Arc::clone(&server.manner));
        std::thread::spawn(move || {
            // Those that nobody answers stay open.
            let mut waiting = Vec::new();
            for stream in listener.incoming().flatten() {
                let manner = *manner.lock().expect("whole");
                let view = history.lock().expect("whole").view();
                waiting.extend(answer(stream, manner, |from_ms| {
                    segment_of(&view, from_ms, 1_000, Arguments::Full).unwrap_or_default()
                }));
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn behave(&self, manner: Manner) {
        *self.manner.lock().expect("whole") = manner;
    }

    fn push(&self, moment: &Snapshot) {
        self.history.lock().expect("whole").push(moment).expect("encoded");
    }
}

fn answer(
    mut stream: TcpStream,
    manner: Manner,
    body: impl Fn(i64) -> Vec<u8>,
) -> Option<TcpStream> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).ok()?;
    let from_ms = line.split_once("from=").and_then(|(_, rest)| rest.split(' ').next());
    let body = body(from_ms.map_or(i64::MIN, |from_ms| from_ms.parse().expect("a number")));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = match manner {
        Manner::Answers => stream.write_all(&[head.as_bytes(), &body].concat()),
        Manner::Refuses => stream.write_all(b"HTTP/1.1 503 x\r\n\r\nno sample yet\n"),
        Manner::Leaves => Ok(()),
        Manner::Half => stream.write_all(&[head.as_bytes(), &body[..body.len() / 2]].concat()),
        Manner::Hangs => return Some(stream),
        Manner::Drips => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while stream.write_all(b"1\r\na\r\n").is_ok() {}
            Ok(())
        }
    };
    None
}

#[test]
fn who_stops_answering_is_asked_again_and_goes_on() {
    let server = Server::start();
    let mut made = Made::new("sim:small");
    let mut live = Vec::new();
    let mut on = |live: &mut Vec<Arc<Snapshot>>, samples| {
        for _ in 0..samples {
            let moment = made.tick();
            server.push(&moment);
            live.push(moment);
        }
    };
    on(&mut live, 10);
    let folder = Temporary::new("fetched");
    let mut remote = Remote::new(&server.url(), vec![folder.0.clone()]);
    let mut replay = Replay::open(remote.fetch().expect("a history")).expect("samples");
    for (manner, why) in [
        (Manner::Refuses, "answered 503 no sample yet"),
        (Manner::Leaves, "the answer is not one of HTTP"),
        (Manner::Half, "the answer ended early; ask again"),
        (Manner::Hangs, "nobody answers"),
    ] {
        server.behave(manner);
        on(&mut live, 100);
        let from_ms = replay.recording().newest_key_ms().expect("a key frame");
        // Nobody answers for ever: who does is given time, however slow the machine is.
        let patience = if manner == Manner::Hangs { SHORT } else { LONG };
        remote.limit(patience, LONG);
        let failed = remote.fetch_from(from_ms).expect_err("no answer").to_string();
        remote.limit(LONG, LONG);
        assert_eq!(failed, format!("{}: {why}", server.url()));
        // What came before it is all there.
        assert_eq!(replay.view().len(), live.len() - 100);
        server.behave(Manner::Answers);
        assert!(replay.append(&remote.fetch_from(from_ms).expect("answers again")));
        let view = replay.view();
        assert_eq!(view.numbers(), 0..live.len() as u64);
        for (number, live) in live.iter().enumerate().rev().step_by(37) {
            let moment = view.moment(number as u64).expect("there");
            assert_eq!(whole(&moment), whole(live), "{number}");
        }
    }
}

/// Samples for hours: what is done with is in files that have no name, and without a place for them
/// the oldest goes.
#[test]
fn however_long_it_is_followed_memory_is_bounded() {
    let folder = Temporary::new("followed");
    let missing = folder.0.join("file");
    std::fs::write(&missing, b"in the way").expect("written");
    for (folders, kept) in [(vec![missing.clone(), folder.0.clone()], true), (vec![missing], false)]
    {
        let server = Server::start();
        let mut made = Made::new("sim:web-incident");
        let mut push = |samples| (0..samples).for_each(|_| server.push(&made.tick()));
        push(3 * KEY_INTERVAL / 2);
        let mut remote = Remote::new(&server.url(), folders);
        remote.limit(LONG, LONG);
        let mut replay = Replay::open(remote.fetch().expect("a history")).expect("samples");
        let mut most = 0;
        let mut samples = 3 * KEY_INTERVAL / 2;
        for _ in 0..60 {
            push(KEY_INTERVAL / 3);
            samples += KEY_INTERVAL / 3;
            let from_ms = replay.recording().newest_key_ms().expect("a key frame");
            assert!(replay.append(&remote.fetch_from(from_ms).expect("answers")));
            most = most.max(replay.recording().fetched().1);
            assert_eq!(replay.view().numbers().end, samples as u64);
        }
        let (all, memory) = replay.recording().fetched();
        assert_eq!(replay.view().numbers().start, 0, "an hour fits");
        assert!(replay.view().moment(5).is_some() && memory <= most);
        match kept {
            // The newest key interval alone.
            true => assert!(most * 5 < all, "{most} of {all}"),
            false => assert_eq!(memory, all),
        }
        let names: Vec<_> = std::fs::read_dir(&folder.0).expect("there").flatten().collect();
        assert_eq!(names.len(), 1, "no file has a name: {names:?}");
    }
}

#[test]
fn an_answer_that_never_ends_has_its_time() {
    let server = Server::start();
    let mut made = Made::new("sim:small");
    server.push(&made.tick());
    let folder = Temporary::new("drips");
    let mut remote = Remote::new(&server.url(), vec![folder.0.clone()]);
    server.behave(Manner::Drips);
    for whole in [Duration::ZERO, SHORT] {
        remote.limit(LONG, whole);
        let failed = remote.fetch().expect_err("no end").to_string();
        assert!(
            failed.ends_with("the answer takes too long; ask over a faster connection"),
            "{failed}"
        );
    }
}
