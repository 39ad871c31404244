//! Any text as a configuration: faults, not panics; and what `check` prints says the same.
#![no_main]

use auship::internals::config::parse;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(config) = parse(Path::new("x"), text) {
        let shown = config.to_string();
        let again = parse(Path::new("x"), &shown).unwrap_or_else(|faults| panic!("{faults}\n{shown}"));
        assert_eq!(again.to_string(), shown);
    }
});
