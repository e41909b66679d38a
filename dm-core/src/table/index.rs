//! Finds the segment of a sector.

use alloc::vec::Vec;

/// Buckets for each segment: more make for shorter searches, and cost four bytes each.
const BUCKETS_PER_SEGMENT: u64 = 2;

/// A search index over the sorted first sectors of a table's segments.
///
/// # Shape
/// The device is cut into buckets of equal length, a power of two of sectors, about two for each
/// segment. A bucket knows the segment that holds its first sector; the segment of a sector in it
/// is that one, or one of those up to the next bucket's. With segments of like sizes that is one
/// or two starts to look at, in one cache line; at worst, when most segments share a bucket, it is
/// a plain binary search.
pub(super) struct Index {
    starts: Vec<u64>,
    buckets: Vec<u32>,
    /// log2 of a bucket's sectors.
    shift: u32,
}

impl Index {
    /// An index over `starts`, which are sorted, different, begin with 0, and are at most 2^32,
    /// of a device of `size` sectors.
    pub(super) fn new(starts: Vec<u64>, size: u64) -> Index {
        let most = (starts.len() as u64).saturating_mul(BUCKETS_PER_SEGMENT);
        let mut shift = 0;
        while size >> shift > most {
            shift += 1;
        }
        let mut buckets = Vec::new();
        let mut segment = 0;
        for bucket in 0..=size >> shift {
            let first = bucket << shift;
            while starts.get(segment + 1).is_some_and(|start| *start <= first) {
                segment += 1;
            }
            buckets.push(u32::try_from(segment).unwrap_or(u32::MAX));
        }
        // Each bucket has a next one.
        buckets.push(u32::try_from(starts.len() - 1).unwrap_or(u32::MAX));
        Index {
            starts,
            buckets,
            shift,
        }
    }

    /// The last segment that does not start behind `sector`, which lies on the device.
    #[inline]
    pub(super) fn find(&self, sector: u64) -> usize {
        let bucket = usize::try_from(sector >> self.shift).unwrap_or(usize::MAX);
        let (first, last) = (
            self.buckets[bucket] as usize,
            self.buckets[bucket + 1] as usize,
        );
        first + self.starts[first..=last].partition_point(|start| *start <= sector) - 1
    }

    /// Bytes that the index holds.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.starts[..]) + size_of_val(&self.buckets[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(starts: &[u64], size: u64) {
        let index = Index::new(starts.to_vec(), size);
        assert!(index.buckets.len() as u64 <= BUCKETS_PER_SEGMENT * starts.len() as u64 + 2);
        for (at, start) in starts.iter().enumerate() {
            let end = starts.get(at + 1).copied().unwrap_or(size);
            for sector in [*start, start + (end - start) / 2, end - 1] {
                assert_eq!(index.find(sector), at, "{sector} of {starts:?}");
            }
        }
    }

    #[test]
    fn finds_segments_of_like_sizes() {
        for count in [1, 2, 3, 15, 16, 17, 256, 1000] {
            for length in [1, 2, 7, 64] {
                check(
                    &(0..count).map(|at| at * length).collect::<Vec<_>>(),
                    count * length,
                );
            }
        }
    }

    #[test]
    fn finds_small_segments_beside_huge_ones() {
        let small = (0..500).map(|at| at * 3);
        check(&small.clone().collect::<Vec<_>>(), u64::MAX);
        let behind = (0..500).map(|at| (1 << 60) + at);
        check(&small.chain(behind).collect::<Vec<_>>(), (1 << 60) + 600);
        let last = (0..100).map(|at| u64::MAX - 200 + at);
        check(
            &core::iter::once(0).chain(last).collect::<Vec<_>>(),
            u64::MAX,
        );
        check(
            &(0..63).map(|at| (1_u64 << at) - 1).collect::<Vec<_>>(),
            1 << 63,
        );
    }
}
