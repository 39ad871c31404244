//! The facts of a heartbeat, as nested objects.

use super::object::Objects;
use crate::event::{Fact, FactValue};

/// Writes facts whose names have the same first parts, `depth` of them. Facts with the same next part follow each other.
pub(super) fn write(facts: &[Fact], depth: usize, objects: &mut Objects) {
    let part = |fact: &Fact| fact.name.get(depth).cloned().unwrap_or_default();
    for group in facts.chunk_by(|a, b| part(a) == part(b)) {
        let Some(first) = group.first() else { continue };
        if first.name.len() > depth + 1 {
            let object = objects.open(&part(first));
            write(group, depth + 1, objects);
            objects.close(object);
            continue;
        }
        match &first.value {
            FactValue::Text(text) => {
                objects.text(&part(first), text.as_bytes());
            }
            FactValue::Number(number) => objects.number(&part(first), *number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_parts_become_objects() {
        let fact = |name: &str, value: FactValue| Fact { name: name.split('.').map(String::from).collect(), value };
        let facts = [
            fact("state", "running".into()),
            fact("kernel.lost", 0u32.into()),
            fact("kernel.pid", 7u32.into()),
            fact("output.a.lost", 1u64.into()),
            fact("output.b.lost", 2u64.into()),
        ];
        let mut out = vec![b'{'];
        write(&facts, 0, &mut Objects { out: &mut out });
        out.push(b'}');
        let expected = r#"{"state":"running","kernel":{"lost":0,"pid":7},"output":{"a":{"lost":1},"b":{"lost":2}}}"#;
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
