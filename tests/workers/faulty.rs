//! A worker that breaks one rule, once or always. A test puts it into a pool's `WorkerCommand`, and wpool adds the rest:
//!
//! ```text
//! faulty-worker WPOOL FAULT MOMENT once|always NOTES  __wpool-child ROLE HOSTPID
//! ```
//!
//! It echoes its rows until the MOMENT comes for its FAULT. WPOOL is the real executable, which takes this process over
//! where there is nothing to break: as the compiler and as what runs `init`, unless theirs is the moment, and as every worker after the one that broke `once`. Into the
//! folder NOTES it writes `starts`, a line with its process id for every worker; `fault`, the row it broke on; and
//! `holding`, when it has a row `hold`, which it keeps until there is a file `go`.
#![allow(unsafe_code, reason = "memory shared between processes has no safe interface")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, set_parent_process_death_signal, setrlimit};
use rustix::stdio::{dup2_stdout, stderr};
use wpool::Status;
use wpool::outcome::Layer;
use wpool::state_calls::Request;
use wpool::wire::{self, AnswerHead, Decoder, Encoder, Frame, HEADER, Kind, Times};

/// A lease of this many tasks has a middle.
const MANY: u32 = 8;
/// Place of the middle. It is no multiple of [`FLUSH`], so that some answers before it have been sent and some not.
const MIDDLE: usize = 4;
/// Answers that are sent together.
const FLUSH: u32 = 3;

/// Far more than a worker has otherwise.
const BALLAST: usize = 200 << 20;

const OK: AnswerHead = AnswerHead { status: Status::Ok, layer: Layer::Guest, wall: Duration::ZERO };

fn main() -> io::Result<()> {
    let order = Order::read();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let is_maker = order.role != "worker";
    let is_time = match order.role.as_str() {
        "compiler" => order.moment == "compile",
        "initializer" => order.moment == "init",
        _ => !["compile", "init"].contains(&order.moment.as_str()),
    };
    if !is_time || order.is_spent() {
        return Err(order.become_real());
    }
    if is_maker {
        order.commit(0, b"");
    }
    Worker::new(order).serve()
}

/// What this process was told.
struct Order {
    wpool: String,
    fault: String,
    moment: String,
    once: bool,
    notes: PathBuf,
    role: String,
    /// wpool's own arguments.
    rest: Vec<String>,
}

impl Order {
    fn read() -> Order {
        let mut args = std::env::args().skip(1);
        let mut next = || args.next().expect("it is started as its head says");
        let (wpool, fault, moment, repeat, notes) = (next(), next(), next(), next(), next());
        let rest: Vec<String> = args.collect();
        let role = rest[1].clone();
        Order { wpool, fault, moment, once: repeat == "once", notes: notes.into(), role, rest }
    }

    fn become_real(self) -> io::Error {
        if self.role == "worker" {
            self.note_start();
        }
        Command::new(self.wpool).args(self.rest).exec()
    }

    fn note_start(&self) {
        let starts = OpenOptions::new().append(true).create(true).open(self.notes.join("starts"));
        let mut starts = starts.expect("notes can be written");
        starts.write_all(format!("{}\n", std::process::id()).as_bytes()).expect("notes can be written");
    }

    fn is_spent(&self) -> bool {
        self.once && self.notes.join("fault").exists()
    }

    /// Whether this process is the one to break, which is then noted.
    fn spend(&self, row: &[u8]) -> bool {
        match File::create_new(self.notes.join("fault")) {
            Ok(mut note) => note.write_all(row).is_ok(),
            Err(_) => !self.once,
        }
    }

    /// Breaks the rule and does nothing more, unless another worker has done it already.
    fn commit(&self, index: u32, row: &[u8]) {
        if !self.spend(row) {
            return;
        }
        match self.fault.as_str() {
            "hang" => {}
            "exit" => exit(0),
            "no-answers" => {
                send(Encoder::default().finish(Kind::Answers, index, Times::default()));
                exit(0);
            }
            "complain" => {
                let _ = writeln!(io::stderr(), "cannot find\nthe sandbox");
                exit(3);
            }
            "abort" => std::process::abort(),
            "kill" => kill_process(getpid(), Signal::KILL).expect("it may end itself"),
            // What the kernel does for a system call that is not allowed.
            "violate" => kill_process(getpid(), Signal::SYS).expect("it may end itself"),
            "stop" => kill_process(getpid(), Signal::STOP).expect("it may stop itself"),
            "close-stdout" => dup2_stdout(stderr()).expect("both are open"),
            fault => send(&nonsense(fault, index, row)),
        }
        loop {
            std::thread::park();
        }
    }

    fn hold(&self) {
        File::create(self.notes.join("holding")).expect("notes can be written");
        while !self.notes.join("go").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Bytes that a worker must not send while it runs the task `index`.
fn nonsense(fault: &str, index: u32, row: &[u8]) -> Vec<u8> {
    let honest = answer(index, OK, b"", row);
    let with = |at: usize, bytes: &[u8]| {
        let mut frame = honest.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let get = Request::Get { key: "key".into() }.encode().expect("it is short");
    match fault {
        "half-frame" => honest[..HEADER + 3].to_vec(),
        "garbage" => b"{\"id\":7,\"status\":\"ok\",\"output\":2}\n".repeat(3),
        "wrong-magic" => with(0, b"XX"),
        "unknown-kind" => with(2, &[99]),
        "huge-length" => with(12, &u32::MAX.to_le_bytes()),
        "report" => wire::frame(Kind::Report, b"{}"),
        "second-ready" => wire::frame(Kind::Ready, b"null"),
        "late-refusal" => wire::frame(Kind::Refused, br#"{"Program":{"code":"bad","message":"bad"}}"#),
        "early-answers" => [honest, wire::frame(Kind::Ready, b"null")].concat(),
        "other-build" => wire::frame(Kind::Refused, br#"{"Build":"9.9.9/wire-9"}"#),
        "refusal-without-sense" => wire::frame(Kind::Refused, b"{"),
        "wrong-index" => answer(index.wrapping_add(1), OK, b"", row),
        "twice" => [honest.clone(), honest].concat(),
        "missing-answer" => with(4, &2u32.to_le_bytes()),
        "surplus-bytes" => {
            let mut frame = with(12, &((honest.len() - HEADER + 3) as u32).to_le_bytes());
            frame.extend_from_slice(b"...");
            frame
        }
        "overrun" => with(HEADER + 8, &1_000u32.to_le_bytes()),
        "unknown-status" => with(HEADER, &[99]),
        "crash-status" => with(HEADER, &[Status::Crash as u8]),
        "unknown-layer" => with(HEADER + 1, &[200]),
        "detail-without-sense" => answer(index, AnswerHead { status: Status::Failed, ..OK }, b"{\"error\":", b""),
        "ok-with-detail-without-sense" => answer(index, OK, b"fine", row),
        "grant-of-another" => answer(index, OK, br#"{"footprint":{"dirs":[[0,false]]}}"#, row),
        "state-call" => wire::state_call(index, 0, &get),
        "state-of-another" => wire::state_call(index.wrapping_add(1), 0, &get),
        // Three, of which two come to the host together: between the others it may have answered.
        "state-twice" => wire::state_call(index, 0, &get).repeat(3),
        "state-without-sense" => wire::state_call(index, 0, b"\0?"),
        "state-too-long" => wire::state_call(index, 0, &vec![0; 5 << 20]),
        "long-output" => answer(index, OK, b"", &vec![b'x'; (1 << 20) + 1]),
        other => panic!("there is no fault {other}"),
    }
}

fn answer(index: u32, head: AnswerHead, detail: &[u8], output: &[u8]) -> Vec<u8> {
    let mut frame = Encoder::default();
    frame.push_answer(head, detail, output);
    frame.finish(Kind::Answers, index, Times::default()).to_vec()
}

fn send(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    // A host that no longer listens will end this process.
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// An honest worker that echoes its rows, until the moment comes.
struct Worker {
    order: Order,
    claim: &'static AtomicU64,
    decoder: Decoder,
    answers: Encoder,
    /// Index of the first answer that was not sent.
    first: u32,
    /// It takes every task, claimed or not.
    is_greedy: bool,
    /// Memory that it took and keeps.
    ballast: Vec<u8>,
}

impl Worker {
    fn new(order: Order) -> Worker {
        order.note_start();
        Worker {
            order,
            claim: map_claim_word(),
            decoder: Decoder::new(128 << 20),
            answers: Encoder::default(),
            first: 0,
            is_greedy: false,
            ballast: Vec::new(),
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        self.now("start");
        self.receive()?;
        send(&wire::frame(Kind::Ready, br#"{"layers":[]}"#));
        self.now("ready");
        while let Some(lease) = self.receive()? {
            self.now("lease");
            self.run(lease);
        }
        Ok(())
    }

    fn now(&self, moment: &str) {
        if self.order.moment == moment {
            self.order.commit(0, b"");
        }
    }

    fn run(&mut self, lease: Frame) {
        self.first = lease.first;
        for (place, row) in wire::tasks(&lease.payload, lease.count).enumerate() {
            let row = row.expect("the host is honest").bytes;
            let index = lease.first.wrapping_add(place as u32);
            if !self.claim(index) {
                break;
            }
            if row == b"hold" {
                self.order.hold();
            }
            let due = match self.order.moment.as_str() {
                "first" => true,
                "middle" => lease.count >= MANY && place == MIDDLE,
                named => row == named.as_bytes(),
            };
            if due && !self.bend(row) {
                self.fail(index, row);
            }
            self.answers.push_answer(OK, b"", if due && self.order.fault == "forge" { FORGED } else { row });
            if self.answers.count() == FLUSH {
                self.flush();
            }
            if row == b"last" {
                self.flush();
                self.now("idle");
            }
        }
        self.flush();
    }

    /// Faults that are no reason to stop working.
    fn bend(&mut self, row: &[u8]) -> bool {
        let fault = self.order.fault.as_str();
        if fault == "scribble" && self.order.spend(row) {
            self.claim.store(u64::MAX, Ordering::Release);
            self.is_greedy = true;
        }
        if fault == "bloat" && self.order.spend(row) {
            self.ballast = vec![1; BALLAST];
        }
        matches!(fault, "none" | "forge" | "scribble" | "bloat")
    }

    fn fail(&mut self, index: u32, row: &[u8]) {
        // What is wrong with an answer can only be seen when it is that task's turn.
        if !matches!(self.order.fault.as_str(), "hang" | "exit" | "abort" | "kill" | "stop" | "close-stdout") {
            self.flush();
        }
        self.order.commit(index, row);
    }

    fn flush(&mut self) {
        let count = self.answers.count();
        if count > 0 {
            send(self.answers.finish(Kind::Answers, self.first, Times::default()));
            self.first = self.first.wrapping_add(count);
            self.answers.clear();
        }
    }

    /// Takes a task as `host/protocol/page.rs` says.
    fn claim(&self, index: u32) -> bool {
        self.claim
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                let (next, end) = ((word >> 32) as u32, word as u32);
                (next == index && next != end).then_some(u64::from(next.wrapping_add(1)) << 32 | u64::from(end))
            })
            .is_ok()
            || self.is_greedy
    }

    fn receive(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.decoder.pop().map_err(io::Error::other)? {
                return Ok(Some(frame));
            }
            let mut part = [0; 16 << 10];
            let count = io::stdin().read(&mut part)?;
            if count == 0 {
                return Ok(None);
            }
            self.decoder.space().extend_from_slice(&part[..count]);
        }
    }
}

/// An output that would be two records, if the host pasted it into one.
const FORGED: &[u8] = b"1}\n{\"id\":7,\"status\":\"ok\",\"output\":2";

fn map_claim_word() -> &'static AtomicU64 {
    // SAFETY: the host hands every worker its page as descriptor 4, which stays open as long as this process lives.
    let page = unsafe { BorrowedFd::borrow_raw(4) };
    // SAFETY: a fresh mapping at an address of the kernel's choice, of a file that is this long and cannot shrink.
    let address =
        unsafe { mmap(std::ptr::null_mut(), 4096, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, page, 0) };
    // SAFETY: the mapping is aligned, never unmapped, and used through atomics alone on either side.
    unsafe { AtomicU64::from_ptr(address.expect("the page can be mapped").cast()) }
}
