//! The queue against arbitrary pages, as a captured worker could write them.

use super::*;

/// The host's action when a worker's page claims that `word` is next.
#[derive(Clone, Copy, Debug)]
struct Told {
    what: u8,
    slot: usize,
    /// Near the worker's indexes, or arbitrary.
    word: u32,
    near: bool,
}

fn told() -> impl Strategy<Value = Told> {
    (0..7u8, 0..2usize, any::<u32>(), any::<bool>()).prop_map(|(what, slot, word, near)| Told {
        what,
        slot,
        word,
        near,
    })
}

impl Model {
    fn believe(&mut self, Told { what, slot, word, near }: Told) {
        let first = self.queue.slots[slot].first;
        let next = if near { first.wrapping_add(word % 6).wrapping_sub(1) } else { word };
        let (in_flight, key) = (self.queue.in_flight(slot), u64::from(word % 8));
        match what {
            0 | 1 => self.push(word as usize % (RUNS + 1), false),
            2 => drop(self.queue.lease(slot, 3, &mut Encoder::default())),
            3 => self.queue.take_back(slot, next),
            4 if in_flight > 0 => {
                let output = Bytes::copy_from_slice(&self.output_of(slot, 0));
                let answer = (Outcome::Ok(output), Receipt::host());
                self.queue.answer(slot, first, answer, self.now).unwrap();
            }
            5 => {
                let verdict = match word % 3 {
                    0 => Verdict::Timeout(key, ErrorDetail::default()),
                    1 => Verdict::Cancelled(Some(key)),
                    _ => Verdict::Died(ErrorDetail::default()),
                };
                self.queue.lost(slot, Loss { next, verdict, ran: Duration::ZERO }, self.now);
            }
            _ => {
                assert!(self.queue.unstarted(slot, next) <= in_flight);
                assert_eq!(self.queue.running(slot, next).is_none(), in_flight == 0 || next == first);
                let _ = (self.queue.task_at(slot, next), self.queue.caller(slot, next, word).is_some());
            }
        }
        self.take_news();
        self.check();
    }
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn every_task_leaves_exactly_once_whatever_workers_write_on_their_pages(all in proptest::collection::vec(told(), 0..9)) {
        let mut model = Model::new(2, false);
        all.into_iter().for_each(|told| model.believe(told));
        for slot in 0..2 {
            let next = model.queue.slots[slot].first;
            let verdict = Verdict::Died(ErrorDetail::default());
            model.queue.lost(slot, Loss { next, verdict, ran: Duration::ZERO }, model.now);
        }
        model.take_news();
        model.drain();
    }
}
