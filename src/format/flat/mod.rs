//! A flat object of an event's fields: MozDef's `details`, ECS' `auditd.data`.
//!
//! Most fields are written as they are met. A key that is taken already (several records of one type, two types
//! with a field of one name, a user message that repeats itself) is noted, and written at the end as
//! `<type>_<name>` with all its values.
//!
//! | file | what it holds |
//! |---|---|
//! | `keys.rs` | the keys, each at most once an event |
//! | `rules.rs` | which key a field has, decided once for its name in a record type |
//! | `writer.rs` | the object's members |
//! | `values.rs`, `lists.rs` | members with several values, and the exact bytes of what isn't UTF-8 |

mod keys;
mod lists;
mod rules;
mod values;
mod writer;

pub use keys::{Key, Keys};
pub use rules::{FieldMapping, RuleId, RuleSpec, heads};
pub use values::Values;
pub use writer::{Flat, Writer, put};
