//! The queue against random operations: whatever workers do, every task leaves exactly once.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Op {
    Push {
        rejected: bool,
    },
    Lease {
        slot: usize,
        rows: usize,
    },
    /// The worker begins its next task, if it has one.
    Begin {
        slot: usize,
    },
    /// The worker answers the first task it has begun and not answered.
    Answer {
        slot: usize,
        large: bool,
    },
    WrongAnswer {
        slot: usize,
    },
    TakeBack {
        slot: usize,
    },
    Die {
        slot: usize,
        verdict: u8,
    },
    /// The running task changes shared state.
    Change {
        slot: usize,
    },
    Pop,
    Stop,
}

fn any_op(slots: usize) -> impl Strategy<Value = Op> {
    let slot = 0..slots;
    prop_oneof![
        12 => any::<u8>().prop_map(|n| Op::Push { rejected: n < 8 }),
        8 => (slot.clone(), 1..6usize).prop_map(|(slot, rows)| Op::Lease { slot, rows }),
        16 => slot.clone().prop_map(|slot| Op::Begin { slot }),
        12 => (slot.clone(), 0..4u8).prop_map(|(slot, n)| Op::Answer { slot, large: n == 0 }),
        1 => slot.clone().prop_map(|slot| Op::WrongAnswer { slot }),
        3 => slot.clone().prop_map(|slot| Op::TakeBack { slot }),
        4 => slot.clone().prop_map(|slot| Op::Change { slot }),
        3 => (slot, 0..4u8).prop_map(|(slot, verdict)| Op::Die { slot, verdict }),
        6 => Just(Op::Pop),
        1 => Just(Op::Stop),
    ]
}

/// The worker's side of the claim word.
#[derive(Clone, Copy, Default)]
struct Worker {
    next: u32,
    end: u32,
}

struct Model {
    queue: Queue,
    workers: Vec<Worker>,
    ordered: bool,
    popped: Vec<u64>,
    pushed: u64,
    /// What every answer is a part of.
    output: Bytes,
}

impl Model {
    fn new(slots: usize, ordered: bool) -> Self {
        Model {
            queue: Queue::new(slots, ordered, 3),
            workers: vec![Worker::default(); slots],
            ordered,
            popped: Vec::new(),
            pushed: 0,
            output: vec![0; WINDOW_BYTES].into(),
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Push { rejected } => {
                let input = if rejected { Input::rejected(Rejected::TooLong) } else { Input::new(vec![1, 2, 3]) };
                self.queue.push(input);
                self.pushed += 1;
            }
            Op::Lease { slot, rows } => self.lease(slot, rows),
            Op::Begin { slot } => {
                let worker = &mut self.workers[slot];
                if worker.next != worker.end {
                    worker.next = worker.next.wrapping_add(1);
                }
            }
            Op::Answer { slot, large } => {
                let (next, first) = (self.workers[slot].next, self.queue.slots[slot].first);
                if self.queue.in_flight(slot) > 0 && first != next {
                    let output = self.output.slice(..if large { WINDOW_BYTES / 2 } else { 10 });
                    self.queue.answer(slot, first, Outcome::Ok(output), Receipt::host()).unwrap();
                }
            }
            Op::WrongAnswer { slot } => {
                let wrong = self.queue.slots[slot].first.wrapping_add(1);
                assert!(self.queue.answer(slot, wrong, Outcome::Ok(vec![].into()), Receipt::host()).is_err());
            }
            Op::TakeBack { slot } => {
                let worker = &mut self.workers[slot];
                worker.end = worker.next;
                self.queue.take_back(slot, worker.next);
            }
            Op::Die { slot, verdict } => self.die(slot, verdict),
            Op::Change { slot } => {
                let (next, first) = (self.workers[slot].next, self.queue.slots[slot].first);
                if let Some(task) = self.queue.caller(slot, next, first) {
                    task.dirty = true;
                }
            }
            Op::Pop => self.pop(),
            Op::Stop => self.queue.stop(),
        }
        self.check();
    }

    fn lease(&mut self, slot: usize, rows: usize) {
        let mut frame = Encoder::default();
        let Some(lease) = self.queue.lease(slot, rows, &mut frame) else { return };
        let worker = &mut self.workers[slot];
        if lease.fresh {
            assert!(worker.next == worker.end, "a fresh lease while the worker could still claim");
            worker.next = lease.first;
        } else {
            assert_eq!(lease.first, worker.end, "a lease that does not follow the last");
        }
        worker.end = lease.end;
    }

    fn die(&mut self, slot: usize, verdict: u8) {
        let verdict = match verdict {
            0 => Verdict::Timeout(ErrorDetail::default()),
            1 => Verdict::Cancelled,
            _ => Verdict::Died(ErrorDetail::default()),
        };
        let worker = std::mem::take(&mut self.workers[slot]);
        let running = self.queue.running(slot, worker.next);
        assert_eq!(self.queue.lost(slot, worker.next, verdict).is_some(), running.is_some(), "one suspect, if any");
    }

    fn pop(&mut self) {
        if let Some(result) = self.queue.pop() {
            self.popped.push(result.id.0);
        }
    }

    /// Every task is in one place, and the counters say so.
    fn check(&self) {
        let queue = &self.queue;
        let mut ids: Vec<u64> = queue.pending.iter().chain(&queue.suspects).map(|task| task.id).collect();
        ids.extend(queue.slots.iter().flat_map(|slot| slot.tasks.iter().map(|task| task.id)));
        match &queue.settled {
            Settled::Ordered { results, .. } => ids.extend(results.iter().flatten().map(|result| result.id.0)),
            Settled::Unordered(results) => ids.extend(results.iter().map(|result| result.id.0)),
        }
        assert_eq!(ids.len(), queue.held);
        ids.extend(&self.popped);
        ids.sort_unstable();
        assert!(ids.iter().copied().eq(0..self.pushed), "a task is lost or doubled: {ids:?}");
        assert!(queue.slots.iter().all(|slot| !slot.alone || slot.tasks.len() <= 1), "a suspect has company");
        assert!(!queue.stopped || queue.waiting() == 0, "something could begin after a stop");
        assert!(!self.ordered || self.popped.is_sorted());
        assert!(queue.pending.iter().is_sorted_by_key(|task| task.id), "the awaited task may be behind others");
        let again = queue.pending.iter().chain(&queue.suspects);
        assert!(!again.into_iter().any(|task| task.dirty), "a task that changed shared state would run again");
        assert!(queue.suspects.iter().is_sorted_by_key(|task| task.id), "the awaited suspect may be behind others");
    }

    /// Lets every worker do its work, and takes everything.
    fn drain(&mut self) {
        for _ in 0..self.pushed * 8 + 8 {
            for slot in 0..self.workers.len() {
                self.apply(Op::Lease { slot, rows: 4 });
                self.apply(Op::Begin { slot });
                self.apply(Op::Answer { slot, large: false });
            }
            self.apply(Op::Pop);
        }
        assert!(self.queue.is_empty(), "tasks were left behind");
        assert_eq!((self.queue.input_bytes, self.queue.output_bytes), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_task_leaves_exactly_once_whatever_happens(
        ordered in any::<bool>(),
        ops in proptest::collection::vec(any_op(3), 0..120),
    ) {
        let mut model = Model::new(3, ordered);
        ops.into_iter().for_each(|op| model.apply(op));
        model.drain();
    }
}

#[test]
fn a_task_that_kills_three_workers_is_a_crash_and_its_neighbours_are_not() {
    let mut model = Model::new(1, true);
    (0..3).for_each(|_| model.apply(Op::Push { rejected: false }));
    for _ in 0..3 {
        model.apply(Op::Lease { slot: 0, rows: 3 });
        model.apply(Op::Begin { slot: 0 });
        model.apply(Op::Die { slot: 0, verdict: 3 });
    }
    assert_eq!(model.queue.pop().unwrap().outcome.status(), Status::Crash);
    assert_eq!(model.queue.waiting(), 2);
}

#[test]
fn a_task_that_changed_shared_state_is_a_crash_whatever_its_worker_says_of_it() {
    let statuses = |op: Op| {
        let mut model = Model::new(1, true);
        (0..2).for_each(|_| model.apply(Op::Push { rejected: false }));
        model.apply(Op::Lease { slot: 0, rows: 2 });
        model.apply(Op::Begin { slot: 0 });
        model.apply(Op::Change { slot: 0 });
        // A worker that lies about what it has begun.
        model.workers[0].next = 0;
        model.apply(op);
        (model.queue.pop().unwrap().outcome.status(), model.queue.waiting())
    };
    assert_eq!(statuses(Op::TakeBack { slot: 0 }), (Status::Crash, 1));
    assert_eq!(statuses(Op::Die { slot: 0, verdict: 3 }), (Status::Crash, 1));
}

#[test]
fn outputs_that_nobody_takes_hold_new_tasks_back_but_not_the_awaited_one() {
    let mut queue = Queue::new(2, true, 3);
    (0..4).for_each(|_| queue.push(Input::new(vec![0])));
    let lease = |queue: &mut Queue, slot| queue.lease(slot, 1, &mut Encoder::default());
    let first = lease(&mut queue, 0).unwrap();
    let second = lease(&mut queue, 1).unwrap();
    let huge = Outcome::Ok(vec![0; WINDOW_BYTES].into());
    queue.answer(1, second.first, huge, Receipt::host()).unwrap();
    assert_eq!(lease(&mut queue, 1), None);
    queue.take_back(0, first.first);
    assert!(lease(&mut queue, 1).is_some(), "the task that the caller waits for goes on");
}
