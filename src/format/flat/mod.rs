//! A flat object of an event's fields: `details` of MozDef, `auditd.data` of ECS.
//!
//! Most fields are written as they are met. A field is noted when its key is taken already: several records have the
//! same type, two types have a field of the same name, or a user message repeats a field. Noted fields are written at
//! the end as `<type>_<name>` with all their values.
//!
//! | file | what it holds |
//! |---|---|
//! | `keys.rs` | the keys, each at most once an event |
//! | `rules.rs` | which key a field has; decided once for each name in a record type |
//! | `writer.rs` | the object's members |
//! | `values.rs`, `lists.rs` | members with several values, and the exact bytes of values that aren't UTF-8 |

mod keys;
mod lists;
mod rules;
mod values;
mod writer;

pub use keys::{Key, Keys};
pub use rules::{FieldMapping, RuleId, RuleSpec, heads};
pub use values::Values;
pub use writer::{Flat, Writer, put};
