//! Raw bindings to libauparse and libaudit, made by bindgen in `build.rs` from the installed `<auparse.h>` and
//! `<libaudit.h>`.
//!
//! Nothing outside `src/auparse/` uses these; [`super::Parser`] is the safe type over them.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    non_snake_case,
    dead_code,
    unused_qualifications,
    unsafe_code,
    clippy::all
)]

include!(concat!(env!("OUT_DIR"), "/auparse_sys.rs"));
