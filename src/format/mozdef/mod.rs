//! The MozDef format: the documents that audisp-json wrote, with every field of every record in addition.
//!
//! Names and values are a contract with alerts and dashboards in use.
//!
//! | file | what it holds |
//! |---|---|
//! | `document.rs` | the document's envelope |
//! | `view.rs` | which records an event has |
//! | `category.rs` | the category of an event |
//! | `rules.rs` | the key of each field |
//! | `details.rs` | the flat object of all fields |
//! | `summary.rs` | one line for people |

mod category;
mod details;
mod document;
mod rules;
mod summary;
mod view;

pub use document::MozDef;
