//! Finds the segment of a sector.

use alloc::vec::Vec;

/// Keys in a node: two cache lines, which the processor fetches as a pair.
const FANOUT: usize = 16;

#[derive(Clone, Copy)]
#[repr(align(128))]
struct Node([u64; FANOUT]);

/// A static search tree over the sorted first sectors of a table's segments.
///
/// # Shape
/// Level 0 holds all starts, sixteen a node, the last node filled up with `u64::MAX`. Each level
/// above holds the first start of each node below. A lookup reads one node a level, the highest
/// level first, and counts in it the starts that are not behind the sector: no branch depends on
/// a comparison. All levels lie in one array, the highest level first.
pub(super) struct Index {
    nodes: Vec<Node>,
    /// Where each level begins in `nodes`, the highest level first.
    levels: Vec<usize>,
}

impl Index {
    /// An index over `starts`, which are sorted, different, and begin with 0.
    pub(super) fn new(starts: impl ExactSizeIterator<Item = u64>) -> Index {
        let mut levels: Vec<Vec<Node>> = Vec::new();
        let mut level = nodes_of(starts);
        while level.len() > 1 {
            let above = nodes_of(level.iter().map(|node| node.0[0]));
            levels.push(level);
            level = above;
        }
        levels.push(level);
        let mut nodes = Vec::with_capacity(levels.iter().map(Vec::len).sum());
        let mut begins = Vec::with_capacity(levels.len());
        for level in levels.iter().rev() {
            begins.push(nodes.len());
            nodes.extend_from_slice(level);
        }
        Index {
            nodes,
            levels: begins,
        }
    }

    /// The last segment that does not start behind `sector`.
    #[inline]
    pub(super) fn find(&self, sector: u64) -> usize {
        let mut at = 0;
        for begin in &self.levels {
            let node = &self.nodes[begin + at];
            let below: usize = node
                .0
                .iter()
                .map(|start| usize::from(*start <= sector))
                .sum();
            at = at * FANOUT + below - 1;
        }
        at
    }

    /// Bytes that the index holds.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<Node>()
    }
}

fn nodes_of(starts: impl ExactSizeIterator<Item = u64>) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(starts.len().div_ceil(FANOUT));
    for (at, start) in starts.enumerate() {
        if at % FANOUT == 0 {
            nodes.push(Node([u64::MAX; FANOUT]));
        }
        if let Some(node) = nodes.last_mut() {
            node.0[at % FANOUT] = start;
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_scan_finds() {
        for count in [1, 2, 15, 16, 17, 255, 256, 257, 5000] {
            let starts: Vec<u64> = (0..count).map(|i| i * i + i / 3).collect();
            let index = Index::new(starts.iter().copied());
            for sector in (0..starts[starts.len() - 1] + 10).step_by(7) {
                let wanted = starts.iter().rposition(|start| *start <= sector).unwrap();
                assert_eq!(index.find(sector), wanted, "{sector} of {count}");
            }
        }
    }
}
