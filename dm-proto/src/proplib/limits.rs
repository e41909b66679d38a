//! How much a text may cost.

/// What a text may cost, so that no peer can exhaust memory or stack.
///
/// # Shape
/// Memory stays below about 15 times the text's size, and below 300 bytes a value plus the size. Reading and writing
/// keep no state on the stack; to drop, clone, compare or show a value does (at [`Limits::MAX_DEPTH`] below 512 KiB in
/// a release build; unoptimised below 2 MiB, on s390x more), which is why that depth holds whatever `depth` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of text. Default: 256 MiB, about a table of 10^6 segments.
    pub size: usize,
    /// Deepest nesting of arrays and dictionaries. Default: [`Limits::MAX_DEPTH`].
    pub depth: usize,
    /// Most values of all types and depths together, keys not counted. Default: 8,388,608.
    pub items: usize,
}

impl Limits {
    /// Deepest nesting that any reader takes: the deepest that libprop was seen to take.
    pub const MAX_DEPTH: usize = 2000;

    /// The limits of NetBSD's ioctl: 65,535 bytes.
    pub const IOCTL: Self = Self {
        size: 65_535,
        depth: Self::MAX_DEPTH,
        items: 65_535,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: 256 << 20,
            depth: Self::MAX_DEPTH,
            items: 8 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reason, read, read_dictionary, write};
    use super::*;

    fn reason_with(limits: Limits, text: &str) -> Option<Reason> {
        read(text.as_bytes(), &limits)
            .err()
            .map(|error| error.reason)
    }

    #[test]
    fn limits_hold_at_their_border() {
        let text = "<plist><array><array/><dict><key>a</key><true/></dict></array></plist>";
        let (size, depth, items) = (text.len(), 2, 4);
        let exact = Limits { size, depth, items };
        assert_eq!(reason_with(exact, text), None);
        let limit = size - 1;
        assert_eq!(
            reason_with(
                Limits {
                    size: limit,
                    ..exact
                },
                text
            ),
            Some(Reason::Size { limit })
        );
        assert_eq!(
            reason_with(Limits { depth: 1, ..exact }, text),
            Some(Reason::Depth { limit: 1 })
        );
        assert_eq!(
            reason_with(Limits { items: 3, ..exact }, text),
            Some(Reason::Items { limit: 3 })
        );
    }

    /// All that recurses in a value of the greatest depth fits half a megabyte, unoptimised a thread's usual 2.
    #[test]
    fn greatest_depth_needs_little_stack() {
        let nested = |depth: usize| {
            let open = "<array><dict><key>k</key>".repeat(depth / 2);
            let close = "</dict></array>".repeat(depth / 2);
            format!("<plist>{open}<true/>{close}</plist>")
        };
        let work = move || {
            let limits = Limits {
                depth: usize::MAX,
                ..Limits::default()
            };
            let value = read(nested(2000).as_bytes(), &limits).expect("depth 2000 is read");
            let again = value.clone();
            assert!(value == again);
            let text = write(&value);
            assert_eq!(read(&text, &limits), Ok(again));
            let deeper = reason_with(limits, &nested(2002));
            assert_eq!(deeper, Some(Reason::Depth { limit: 2000 }));
            assert!(reason_with(limits, &nested(2_000_000)).is_some());
        };
        let stack = match (cfg!(debug_assertions), cfg!(target_arch = "s390x")) {
            (false, _) => 512,
            (true, false) => 2048,
            (true, true) => 8192,
        };
        let thread = std::thread::Builder::new().stack_size(stack << 10);
        thread
            .spawn(work)
            .expect("a thread starts")
            .join()
            .expect("the stack suffices");
    }

    #[test]
    fn debug_of_the_greatest_depth_fits_a_thread() {
        let text = format!(
            "<plist>{}{}</plist>",
            "<array>".repeat(2000),
            "</array>".repeat(2000)
        );
        let value = read(text.as_bytes(), &Limits::default()).expect("depth 2000 is read");
        assert!(format!("{value:?}").starts_with("Array([Array(["));
    }

    #[test]
    fn falling_keys_are_read_in_no_more_than_sorting_time() {
        let entries: String = (0..100_000)
            .rev()
            .map(|number| format!("<key>{number:06}</key><true/>"))
            .collect();
        let text = format!("<plist><dict>{entries}</dict></plist>");
        let dictionary = read_dictionary(text.as_bytes(), &Limits::default()).expect("reads");
        assert_eq!(dictionary.len(), 100_000);
        assert!(dictionary.iter().is_sorted_by_key(|(key, _)| key));
    }
}
