//! auship.
fn main() {
    use auship::format::{Format, mozdef::*};
    let mut f = Format::MozDef(MozDef::new(Settings {
        program_name: "auship".into(),
        details: Details::Full,
        skip_empty_execve: false,
        hostname: "host.example.com".into(),
        live: false,
    }));
    let files: Vec<_> = std::env::args_os().skip(1).map(Into::into).collect();
    let t = auship::convert::convert(&files, &mut f, b"", b"", std::io::stdout().lock());
    eprintln!("{t:?}");
}
