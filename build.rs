//! Binds libauparse and libaudit's tables: runs bindgen over the headers that are installed, and says where the
//! libraries are.

use std::{env, path::PathBuf, process::exit};

/// What to tell somebody whose build stops here.
const MISSING: &str = "A header or library of libauparse or libaudit is missing. Install it:
    Debian, Ubuntu:  apt-get install libauparse-dev libaudit-dev libclang-dev
    Fedora, RHEL:    dnf install audit-libs-devel clang-devel
or run `make deps`, which does the same.";

/// Every function of these libraries that auship calls; nothing else is bound.
const FUNCTIONS: &[&str] = &[
    "auparse_init",
    "auparse_destroy",
    "auparse_set_escape_mode",
    "auparse_add_callback",
    "auparse_feed",
    "auparse_flush_feed",
    "auparse_feed_age_events",
    "auparse_get_timestamp",
    "auparse_first_record",
    "auparse_next_record",
    "auparse_goto_record_num",
    "auparse_get_type",
    "auparse_get_type_name",
    "auparse_get_record_text",
    "auparse_get_record_interpretations",
    "auparse_first_field",
    "auparse_next_field",
    "auparse_goto_field_num",
    "auparse_get_field_name",
    "auparse_get_field_str",
    "auparse_get_field_type",
    "auparse_interpret_field",
    "audit_name_to_syscall",
    "audit_name_to_msg_type",
    "audit_elf_to_machine",
    "audit_machine_to_name",
    "audit_syscall_to_name",
    "audit_msg_type_to_name",
];

fn fail(why: &str) -> ! {
    eprintln!("\nerror: {why}\n\n{MISSING}\n");
    exit(1)
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // audit-userspace ships auparse.pc; old packages without it still have the library where the linker looks.
    let mut include = Vec::new();
    for library in ["auparse", "audit"] {
        match pkg_config::Config::new().probe(library) {
            Ok(found) => include.extend(found.include_paths),
            Err(_) => println!("cargo:rustc-link-lib={library}"),
        }
    }

    let mut bindings = bindgen::Builder::default()
        .header_contents("auparse_sys.h", "#include <auparse.h>\n#include <libaudit.h>\n")
        .allowlist_type("auparse_type_t")
        .default_enum_style(bindgen::EnumVariation::ModuleConsts)
        .layout_tests(false)
        .generate_comments(false)
        .wrap_unsafe_ops(true);
    for name in FUNCTIONS {
        bindings = bindings.allowlist_function(name);
    }
    for dir in include {
        bindings = bindings.clang_arg(format!("-I{}", dir.display()));
    }
    let bindings = match bindings.generate() {
        Ok(bindings) => bindings,
        Err(e) => fail(&format!("bindgen can't read <auparse.h> and <libaudit.h>: {e}")),
    };
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        fail("OUT_DIR is not set: run this through cargo")
    };
    if let Err(e) = bindings.write_to_file(out.join("auparse_sys.rs")) {
        fail(&format!("can't write the bindings to {}: {e}", out.display()));
    }
}
