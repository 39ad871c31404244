//! MozDef's format: the documents that audisp-json wrote, and every field of every record besides.
//!
//! Names and values are a contract with alerts and dashboards in the field.
//!
//! | file | what it holds |
//! |---|---|
//! | `document.rs` | the document's envelope |
//! | `view.rs` | which records an event has |
//! | `category.rs` | what an event is about |
//! | `rules.rs` | which key a field has |
//! | `details.rs` | the flat object of all fields |
//! | `summary.rs` | one line for a person |

mod category;
mod details;
mod document;
mod rules;
mod summary;
mod view;

pub use document::MozDef;
