//! Workers that answer what they were not asked, in the model.

use super::{Model, SpanTimes, WireError, plain_answers};

impl Model {
    /// Answers one more task than there are in a row, which must settle none of them.
    pub fn answer_too_many(&mut self, slot: usize) {
        let first = self.queue.slots[slot].first;
        let due = self.queue.due_in_a_row(slot, first).map_or(0, |(due, _)| due);
        let answers = plain_answers((0..=due).map(|_| [0; 8]));
        assert_eq!(
            self.queue.answer_in_a_row(slot, first, answers, SpanTimes { wait: 0, began: 0 }),
            Err(WireError::TooMany)
        );
    }
}
