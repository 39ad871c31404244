//! A strict JSON reader. It refuses repeated keys, which most readers accept.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// A value without repeated keys.
struct Strict(Value);

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_str<E>(self, text: &str) -> Result<Strict, E> {
        Ok(Strict(text.into()))
    }

    fn visit_bool<E>(self, b: bool) -> Result<Strict, E> {
        Ok(Strict(b.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Strict, E> {
        Ok(Strict(n.into()))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Strict, E> {
        Ok(Strict(n.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(Strict(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = map.next_entry::<String, Strict>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("repeated key {key:?}")));
            }
            object.insert(key, value);
        }
        Ok(Strict(object.into()))
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

/// Reads one document.
pub fn document(text: &[u8]) -> Value {
    match serde_json::from_slice::<Strict>(text) {
        Ok(Strict(value)) => value,
        Err(e) => panic!("{e}: {}", String::from_utf8_lossy(text)),
    }
}

/// Reads JSON lines. The last line must end in a newline too.
pub fn lines(text: &[u8]) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with(b"\n"), "half a line at the end");
    text.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(document).collect()
}

#[test]
fn repeated_keys_are_refused() {
    assert!(serde_json::from_str::<Strict>(r#"{"a":{"b":1,"b":2}}"#).is_err());
    assert!(serde_json::from_str::<Strict>(r#"[{"a":"x"},{"a":["y"]}]"#).is_ok());
}
