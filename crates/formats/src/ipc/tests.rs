use arrow_ipc::reader::StreamReader;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::testing;

#[test]
fn cut_streams_are_refused() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let batch = testing::batch().new_tree(&mut runner).unwrap().current();
    let stream = encode(&batch).unwrap();
    for length in 0..stream.len() - 8 {
        assert_eq!(decode(stream[..length].to_vec()).unwrap_err().code(), Code::DataCorrupt, "cut to {length} bytes");
    }
}

proptest! {
    #[test]
    fn batches_survive_the_stream(batch in testing::batch()) {
        let stream = encode(&batch).unwrap();
        let mut arrow = StreamReader::try_new(stream.as_slice(), None).unwrap();
        prop_assert_eq!(arrow.next().unwrap().unwrap(), batch.clone());
        prop_assert!(arrow.next().is_none());
        prop_assert_eq!(decode(stream).unwrap(), batch);
    }

    #[test]
    fn damaged_streams_are_errors_or_batches(
        batch in testing::batch(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut stream = encode(&batch).unwrap();
        for (at, byte) in changes {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        if let Err(error) = decode(stream) {
            prop_assert_eq!(error.code(), Code::DataCorrupt);
        }
    }
}
