//! The payload of a block status request.

use alloc::vec::Vec;

use bytes::BufMut;

use super::constants::MAX_OPTION_PAYLOAD;
use super::error::WireError;
use super::unit::{ByteCount, ContextId};
use super::view::Reader;

/// The payload of a block status request that asks for some contexts only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSelection {
    /// How much of the export.
    pub length: ByteCount,
    /// The contexts, each once.
    pub contexts: Vec<ContextId>,
}

impl StatusSelection {
    /// Appends the payload.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_u64(self.length.0);
        self.contexts
            .iter()
            .for_each(|context| out.put_u32(context.0));
    }

    /// The selection in `payload`.
    ///
    /// # Errors
    /// If the length is wrong or a context comes twice.
    pub fn decode(payload: &[u8]) -> Result<StatusSelection, WireError> {
        let what = "status selection";
        let wrong = WireError::Length {
            what,
            length: payload.len().try_into().unwrap_or(u64::MAX),
        };
        if payload.len() > MAX_OPTION_PAYLOAD {
            return Err(wrong);
        }
        let mut reader = Reader::new(what, payload);
        let length = ByteCount(reader.u64()?);
        let (fields, []) = reader.rest().as_chunks() else {
            return Err(wrong);
        };
        let contexts: Vec<ContextId> = fields
            .iter()
            .map(|field| ContextId(u32::from_be_bytes(*field)))
            .collect();
        let mut sorted = contexts.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(WireError::DuplicateContext { context: pair[0].0 }),
            None => Ok(StatusSelection { length, contexts }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::hex;
    use super::*;
    use alloc::vec;

    #[test]
    fn status_selection_round_trips() {
        let payload = hex("0000000000001000 00000005 00000002");
        let contexts = vec![ContextId(5), ContextId(2)];
        let selection = StatusSelection {
            length: ByteCount(4096),
            contexts,
        };
        assert_eq!(StatusSelection::decode(&payload), Ok(selection.clone()));
        let mut out = vec![0xa5];
        selection.encode(&mut out);
        assert_eq!(out[1..], payload);
    }

    #[test]
    fn status_selection_that_is_wrong() {
        let what = "status selection";
        assert_eq!(
            StatusSelection::decode(&[0; 7]),
            Err(WireError::Short {
                what,
                needed: 8,
                found: 7
            })
        );
        assert_eq!(
            StatusSelection::decode(&[0; 9]),
            Err(WireError::Length { what, length: 9 })
        );
        assert_eq!(
            StatusSelection::decode(&[0; 65_540]),
            Err(WireError::Length {
                what,
                length: 65_540
            })
        );
        assert_eq!(
            StatusSelection::decode(&hex("0000000000001000 00000005 00000002 00000005")),
            Err(WireError::DuplicateContext { context: 5 })
        );
    }
}
