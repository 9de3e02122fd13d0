//! Frames there and back, in pieces of any size, and noise.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::decode::SMALL;
use super::frame::{MAGIC, header};
use super::parts::{NAMED, layer, pack, unpack, worker_status};
use super::*;
use crate::model::outcome::{Layer, Status};

/// The answers of a frame, with each run of plain answers as one.
fn plainly(mut answers: Answers) -> Vec<Result<Answer, WireError>> {
    let mut all = Vec::new();
    loop {
        let plain = answers.plain(3, 6);
        let each = plain.iter().map(|(output, wall)| {
            let head = AnswerHead { status: Status::Ok, layer: Layer::Guest, wall: Duration::from_nanos(wall) };
            Ok(Answer { head, detail: Bytes::new(), output: Bytes::copy_from_slice(output) })
        });
        all.extend(each);
        assert_eq!(plain.iter().map(|(output, _)| output.len()).sum::<usize>(), plain.output_bytes());
        assert!(plain.iter().eq(popped(plain.clone()).iter().map(|(output, wall)| (&output[..], *wall))));
        match answers.next() {
            Some(answer) => all.push(answer),
            None => return all,
        }
    }
}

fn popped(mut plain: OkAnswers) -> Vec<(Bytes, u64)> {
    std::iter::from_fn(|| plain.pop()).collect()
}

fn decode(bytes: &[u8], chunk: usize) -> Result<Vec<Frame>, WireError> {
    let mut decoder = Decoder::new(1 << 20);
    let mut frames = Vec::new();
    for piece in bytes.chunks(chunk.max(1)) {
        decoder.space().extend_from_slice(piece);
        while let Some(frame) = decoder.pop()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

fn some_answer() -> impl Strategy<Value = (AnswerHead, Vec<u8>, Vec<u8>)> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..8);
    (0..7u8, 0..10u8, any::<u32>(), bytes(), bytes()).prop_map(|(status, code, wall, detail, output)| {
        let head =
            AnswerHead { status: worker_status(status).unwrap(), layer: layer(code).unwrap(), wall: unpack(wall) };
        (head, detail, output)
    })
}

/// The parts of a task.
type Parts = (Vec<u8>, Option<String>, Option<Duration>, Option<u32>, u32);

fn some_task() -> impl Strategy<Value = Parts> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..8);
    let deadline = proptest::option::of((1..=u32::MAX).prop_map(|ms| Duration::from_millis(ms.into())));
    (bytes, proptest::option::of("[a-z\u{e9}/]{0,4}"), deadline, any::<Option<u32>>(), any::<u32>())
}

fn sent((bytes, name, deadline, function, occurrence): &Parts) -> Task<'_> {
    Task { bytes, name: name.as_deref(), deadline: *deadline, function: *function, occurrence: *occurrence }
}

#[test]
fn a_row_without_a_name_costs_one_word() {
    let mut encoder = Encoder::default();
    encoder.push_task(&Task { bytes: b"row", ..Task::default() });
    assert_eq!(encoder.len(), HEADER + 4 + 3);
}

#[test]
fn a_name_that_is_not_utf_8_is_no_name() {
    let mut payload = (3 | NAMED).to_le_bytes().to_vec();
    payload.extend_from_slice(b"\x01\0\0\0\xffrow");
    assert_eq!(tasks(&payload, 1).collect::<Vec<_>>(), [Err(WireError::Name)]);
}

#[test]
fn a_length_over_the_limit_is_refused_before_its_payload_arrives() {
    let mut decoder = Decoder::new(100);
    decoder.space().extend_from_slice(&header(Kind::Answers, 1, 0, u32::MAX as usize, Times::default()));
    assert_eq!(decoder.pop(), Err(WireError::TooLong { length: u32::MAX as usize, limit: 100 }));
}

#[test]
fn a_text_is_bounded_whatever_else_its_receiver_takes() {
    let receive = |kind, length| {
        let mut decoder = Decoder::new(MAX_TEXT + 2);
        decoder.space().extend_from_slice(&header(kind, 0, 0, length, Times::default()));
        decoder.pop()
    };
    for kind in [Kind::Ready, Kind::Refused, Kind::Report, Kind::Notice] {
        let length = MAX_TEXT + 1;
        assert_eq!(receive(kind, length), Err(WireError::TooLong { length, limit: MAX_TEXT }), "{kind:?}");
        assert_eq!(receive(kind, MAX_TEXT), Ok(None), "{kind:?}");
    }
    for kind in [Kind::Image, Kind::Snapshot, Kind::Answers] {
        assert_eq!(receive(kind, MAX_TEXT + 1), Ok(None), "{kind:?}");
    }
}

#[test]
fn a_detail_is_bounded_as_texts_are() {
    let head = AnswerHead { status: Status::Failed, layer: Layer::Guest, wall: Duration::ZERO };
    for (length, is_taken) in [(MAX_TEXT, true), (MAX_TEXT + 1, false)] {
        let mut encoder = Encoder::default();
        encoder.push_answer(head, &vec![b' '; length], b"");
        let payload = Bytes::copy_from_slice(&encoder.finish(Kind::Answers, 0, Times::default())[HEADER..]);
        assert_eq!(Answers::new(payload, 1).next().is_some_and(|answer| answer.is_ok()), is_taken, "{length}");
    }
}

#[test]
fn a_long_frame_is_received_in_a_buffer_of_about_its_length() {
    let payload = vec![7; 5 << 20];
    let sent = [&head(Kind::Image, &payload)[..], &payload, b"of the next frame"].concat();
    let mut decoder = Decoder::new(payload.len());
    let mut most = 0;
    let mut received = None;
    for piece in sent.chunks(FRAME_TARGET) {
        decoder.space().extend_from_slice(piece);
        most = most.max(decoder.buffer.capacity());
        received = received.or(decoder.pop().unwrap());
    }
    assert_eq!(received.unwrap().payload, payload);
    assert!(most <= payload.len() + 2 * FRAME_TARGET, "{most} bytes");
}

/// Whether a part lies in the bytes that it was taken from.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    whole.as_ptr_range().contains(&part.as_ptr())
}

#[test]
fn a_small_payload_leaves_its_buffer_to_the_next_and_a_large_one_takes_it_along() {
    for (length, shares) in [(0, false), (1, false), (SMALL - 1, false), (SMALL, true), (2 * FRAME_TARGET, true)] {
        let mut decoder = Decoder::new(1 << 20);
        decoder.space().extend_from_slice(&frame(Kind::Answers, &vec![7; length]));
        decoder.space().extend_from_slice(&frame(Kind::Answers, &[8; 2 * SMALL]));
        let received = decoder.buffer.as_ptr_range();
        let payload = decoder.pop().unwrap().unwrap().payload;
        assert_eq!((payload.len(), received.contains(&payload.as_ptr())), (length, shares), "{length}");
        let next = decoder.pop().unwrap().unwrap().payload;
        assert_eq!(next, [8; 2 * SMALL][..], "after {length}");
        assert_eq!(received.contains(&next.as_ptr()), length <= FRAME_TARGET, "after {length}");
    }
}

#[test]
fn an_answer_with_much_detail_and_little_output_is_not_kept_whole() {
    let plain = AnswerHead { status: Status::Ok, layer: Layer::Guest, wall: Duration::ZERO };
    for (detail, shares) in [(0, true), (1_000, false)] {
        let mut encoder = Encoder::default();
        encoder.push_answer(plain, b"", b"an output");
        encoder.push_answer(plain, &vec![b' '; detail], b"another that is an output");
        let payload = Bytes::copy_from_slice(&encoder.finish(Kind::Answers, 0, Times::default())[HEADER..]);
        let mut answers = Answers::new(payload.clone(), 2);
        let first = answers.plain(1, 100);
        let (output, _) = first.iter().next().unwrap();
        assert_eq!((output, is_within(output, &payload)), (&b"an output"[..], shares));
        let second = answers.next().unwrap().unwrap().output;
        assert_eq!((&second[..], is_within(&second, &payload)), (&b"another that is an output"[..], shares));
    }
}

#[test]
fn a_worker_cannot_give_a_status_that_is_the_hosts() {
    for status in [Status::Crash, Status::Cancelled, Status::Skipped] {
        assert!(worker_status(status as u8).is_err());
    }
}

#[test]
fn a_deadline_is_never_less_than_asked_for() {
    for (asked, kept) in [(1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2), (u64::MAX, u32::MAX)] {
        let mut encoder = Encoder::default();
        encoder.push_task(&Task { deadline: Some(Duration::from_nanos(asked)), ..Task::default() });
        let frames = decode(encoder.finish(Kind::Lease, 0, Times::default()), 100).unwrap();
        let task = tasks(&frames[0].payload, 1).next().unwrap().unwrap();
        assert_eq!(task.deadline, Some(Duration::from_millis(kept.into())), "{asked}");
    }
}

#[test]
fn a_short_time_is_exact_and_a_long_one_saturates() {
    for nanos in [0, 1, 999, 1_500, 2_000_000_000, (1 << 31) - 1] {
        assert_eq!(unpack(pack(Duration::from_nanos(nanos))), Duration::from_nanos(nanos));
    }
    for (time, unit) in [(Duration::from_nanos(5_123_456_789), 1_000), (Duration::from_secs(100_000), 1_000_000)] {
        let error = time - unpack(pack(time));
        assert!(error.as_nanos() < unit, "{time:?} by {error:?}");
    }
    assert_eq!(unpack(pack(Duration::MAX)), unpack(u32::MAX));
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn leases_come_back_as_they_were_sent(parts in proptest::collection::vec(some_task(), 0..4), first in any::<u32>(), chunk in 1..80usize) {
        let mut encoder = Encoder::default();
        let leased: Vec<_> = parts.iter().map(sent).collect();
        leased.iter().for_each(|task| encoder.push_task(task));
        let times = Times { busy: 7, start: 3 };
        let frames = decode(encoder.finish(Kind::Lease, first, times), chunk).unwrap();
        prop_assert_eq!(frames.len(), 1);
        prop_assert_eq!((frames[0].kind, frames[0].first, frames[0].times), (Kind::Lease, first, times));
        let back: Result<Vec<_>, _> = tasks(&frames[0].payload, frames[0].count).collect();
        prop_assert_eq!(back.unwrap(), leased);
    }

    #[test]
    fn answers_come_back_as_they_were_sent(sent in proptest::collection::vec(some_answer(), 0..4), chunk in 1..80usize) {
        let mut encoder = Encoder::default();
        for (head, detail, output) in &sent {
            encoder.push_answer(*head, detail, output);
        }
        let frames = decode(encoder.finish(Kind::Answers, 0, Times::default()), chunk).unwrap();
        let plainly: Result<Vec<_>, _> = plainly(Answers::new(frames[0].payload.clone(), frames[0].count)).into_iter().collect();
        let back: Result<Vec<_>, _> = Answers::new(frames[0].payload.clone(), frames[0].count).collect();
        prop_assert_eq!(&back, &plainly);
        let back: Vec<_> = back.unwrap().into_iter().map(|a| (a.head, a.detail.to_vec(), a.output.to_vec())).collect();
        prop_assert_eq!(back, sent);
    }

    #[test]
    fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..64), real_header in any::<bool>(), kind in 0..11u8, count in 0..5u32, length in 0..64u32, chunk in 1..50usize) {
        if real_header && bytes.len() >= HEADER {
            bytes[..2].copy_from_slice(&MAGIC.to_le_bytes());
            bytes[2] = kind;
            bytes[4..8].copy_from_slice(&count.to_le_bytes());
            bytes[12..16].copy_from_slice(&length.to_le_bytes());
        }
        for frame in decode(&bytes, chunk).unwrap_or_default() {
            tasks(&frame.payload, frame.count).for_each(drop);
            Answers::new(frame.payload.clone(), frame.count).for_each(drop);
            plainly(Answers::new(frame.payload, frame.count));
        }
    }
}
