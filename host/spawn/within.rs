//! How long to wait for a child.

use std::pin::pin;
use std::time::{Duration, Instant};

/// How often the time is looked at.
const STEP: Duration = Duration::from_millis(250);

/// The most time that counts between two looks. In a longer gap this process was stopped, and its children with it, as
/// schedulers of clusters do.
const MOST: Duration = Duration::from_millis(500);

/// The result of some work, or `None` if it takes longer. Time in which this process did not run counts little.
pub(crate) async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = time;
    loop {
        let before = Instant::now();
        if let Ok(done) = tokio::time::timeout(left.min(STEP), &mut work).await {
            return Some(done);
        }
        left = left.saturating_sub(before.elapsed().min(MOST));
        if left.is_zero() {
            return None;
        }
    }
}
