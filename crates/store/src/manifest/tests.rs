use serde_json::json;

use super::*;

fn content() -> Value {
    json!({ "kind": "checkpoint", "text": "é \"quoted\" }\n", "number": 9_007_199_254_740_993_i64, "files": [] })
}

#[test]
fn the_form_is_fixed() {
    let text = encode(12, "00c0ffee00c0ffee", &json!({ "kind": "claim" }));
    assert_eq!(
        text,
        "{\"version\":1,\"sequence\":12,\"run\":\"00c0ffee00c0ffee\",\"checksum\":\"CHECKSUM\",\
         \"content\":{\"kind\":\"claim\"}}\n"
            .replace("CHECKSUM", &hex(xxh3_64(br#"1 12 00c0ffee00c0ffee {"kind":"claim"}"#)))
    );
    assert!(decode(12, &text).unwrap().is_claim());
}

#[test]
fn what_was_encoded_is_decoded() {
    let decoded = decode(7, &encode(7, "ab", &content())).unwrap();
    assert_eq!(decoded, Manifest { sequence: 7, run: "ab".to_owned(), content: content() });
}

#[test]
fn any_changed_byte_is_noticed() {
    let text = encode(7, "ab", &content());
    for at in 0..text.len() {
        for byte in [b' ', b'0', b'"', b'}', text.as_bytes()[at] ^ 1] {
            let mut bytes = text.clone().into_bytes();
            if bytes[at] == byte {
                continue;
            }
            bytes[at] = byte;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let code = decode(7, &changed).unwrap_err().code();
            assert!([Code::CheckpointDamaged, Code::CheckpointVersion].contains(&code), "{changed}");
        }
    }
    for length in 0..text.len() {
        if let Some(cut) = text.get(..length) {
            assert_eq!(decode(7, cut).unwrap_err().code(), Code::CheckpointDamaged, "cut to {length}");
        }
    }
    assert_eq!(decode(8, &text).unwrap_err().code(), Code::CheckpointDamaged);
}

#[test]
fn another_version_is_said_to_be_one() {
    let text = encode(7, "ab", &content()).replace("\"version\":1", "\"version\":2");
    assert_eq!(decode(7, &text).unwrap_err().code(), Code::CheckpointVersion);
}

#[test]
fn names_are_recognised() {
    assert_eq!(sequence_of(&file_name(12)), Some(12));
    assert_eq!(sequence_of(&file_name(123_456_789_012)), Some(123_456_789_012));
    assert_eq!(marked_by(&marker_name(12)), Some(12));
    assert!(is_temporary(&temporary_name(12, "00c0ffee")));
    for foreign in ["manifest-12.json", "manifest-000000001x.json", "manifest-0000000012.json.bak", "manifest.json"] {
        assert!(sequence_of(foreign).is_none() && !is_temporary(foreign), "{foreign}");
    }
}
