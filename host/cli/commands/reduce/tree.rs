//! The levels of the tree. A node is named by its index on its level; its children have twice that index, and one more.

use anyhow::Result;
use wpool::output::push_as_json;
use wpool::{Input, Outcome, Pool};

use crate::cli::records::record::reason;

/// A value and its place on its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub index: u64,
    /// JSON.
    pub value: String,
}

/// A call that gave no value.
#[derive(Debug, thiserror::Error)]
#[error("reducing rows {first} to {last}: {why}")]
pub struct Unreduced {
    first: u64,
    last: u64,
    why: String,
}

/// The value of all nodes of a level together. They are in the order of their indexes; `level` counts from the rows.
pub async fn fold(pool: &Pool, mut nodes: Vec<Node>, mut level: u32) -> Result<Option<Node>> {
    while nodes.len() > 1 {
        level += 1;
        nodes = above(pool, nodes, level).await?;
    }
    Ok(nodes.pop())
}

/// The nodes of the next level.
async fn above(pool: &Pool, nodes: Vec<Node>, level: u32) -> Result<Vec<Node>> {
    let (mut above, pairs) = paired(nodes);
    let (places, rows): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let mut results = pool.map(rows.into_iter().map(Input::new));
    for place in places {
        let node: &mut Node = &mut above[place];
        let unreduced = |why: String| {
            let first = node.index.checked_shl(level).unwrap_or_default();
            let last = first.saturating_add(1_u64.checked_shl(level).map_or(u64::MAX, |rows| rows - 1));
            Unreduced { first, last, why }
        };
        let Some(result) = results.next().await? else { return Err(unreduced("the pool has ended".to_owned()).into()) };
        match result.outcome {
            Outcome::Ok(output) => {
                let mut value = Vec::new();
                push_as_json(&output, &mut value);
                node.value = String::from_utf8(value)?;
            }
            Outcome::NotOk(failure) => {
                return Err(unreduced(format!("{}: {}", failure.status, reason(&failure.error))).into());
            }
        }
    }
    Ok(above)
}

/// The nodes of the next level, and the rows of those that have two children, with their places.
fn paired(nodes: Vec<Node>) -> (Vec<Node>, Vec<(usize, String)>) {
    let (mut above, mut pairs) = (Vec::new(), Vec::new());
    let mut nodes = nodes.into_iter().peekable();
    while let Some(Node { index, value }) = nodes.next() {
        let sibling = nodes.next_if(|next| next.index == index ^ 1 && index & 1 == 0);
        if let Some(sibling) = sibling {
            pairs.push((above.len(), format!("[{value},{}]", sibling.value)));
            above.push(Node { index: index >> 1, value: String::new() });
        } else {
            above.push(Node { index: index >> 1, value });
        }
    }
    (above, pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_paired_by_their_indexes_alone() {
        let node = |index: u64| Node { index, value: index.to_string() };
        let (above, pairs) = paired([1, 2, 3, 4, 7, u64::MAX - 1, u64::MAX].map(node).to_vec());
        let indexes: Vec<_> = above.iter().map(|node| node.index).collect();
        assert_eq!(indexes, [0, 1, 2, 3, u64::MAX >> 1]);
        assert_eq!(pairs, [(1, "[2,3]".to_owned()), (4, format!("[{},{}]", u64::MAX - 1, u64::MAX))]);
        assert_eq!((above[0].value.as_str(), above[2].value.as_str(), above[3].value.as_str()), ("1", "4", "7"));
    }
}
