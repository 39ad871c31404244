//! Tests of what is made from the program and its documentation: man pages, completions for shells, and the SBOM.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    AUSHIP, auship,
    packages::{has, make, project, text},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The directory of the installed files. They are installed once.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = INSTALLED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        make(&["install", &format!("DESTDIR={}", dir.path().display())], |command| {
            command.arg(format!("BINARY={AUSHIP}"));
        });
        dir
    });
    dir.path()
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {args:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn pages() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for section in ["man5", "man7", "man8"] {
        let dir = installed().join("usr/share/man").join(section);
        all.extend(fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()));
    }
    all
}

/// The source of a man page.
fn page(name: &str) -> String {
    let section = &name[name.len() - 1..];
    let path = installed().join(format!("usr/share/man/man{section}/{name}.gz"));
    output("gzip", &["-dc", path.to_str().unwrap()])
}

/// The help of the program, or of a command, without its examples.
fn help(command: Option<&str>) -> String {
    let args: Vec<&str> = command.into_iter().chain(["--help"]).collect();
    let text = String::from_utf8(auship(&args, b"").stdout).unwrap();
    text.split("\nexample").next().unwrap().to_string()
}

/// The commands in the program's help: the words after `auship` at the beginning of a line.
fn commands() -> BTreeSet<String> {
    let help = help(None);
    let names = help.lines().filter_map(|line| {
        let after = line.strip_prefix("usage: ").or_else(|| line.strip_prefix("       "))?.strip_prefix("auship ")?;
        let word = after.trim_start_matches('[').split([' ', ']']).next()?;
        (!word.starts_with('-') && word.chars().all(|c| c.is_ascii_lowercase())).then(|| word.to_string())
    });
    names.collect()
}

/// The long options in a text.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| word.len() > 3 && word.starts_with("--")).map(str::to_string).collect()
}

#[test]
fn man_pages_have_no_warnings() {
    if !has("man pages", &["pandoc", "mandoc", "man"]) {
        return;
    }
    let all = pages();
    assert!(all.len() >= 7, "{all:?}");
    for path in all {
        let name = path.file_name().unwrap().to_str().unwrap();
        let source = output("gzip", &["-dc", path.to_str().unwrap()]);
        assert!(source.contains("\n.SH NAME\nauship"), "{name} has no NAME");
        let lint = Command::new("sh")
            .args(["-c", "gzip -dc \"$1\" | mandoc -T lint -W warning", "sh", path.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(lint.status.success() && lint.stdout.is_empty(), "{name}: {}", text(&lint));
        let man = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&path)
            .envs([("LC_ALL", "C.UTF-8"), ("MANROFFSEQ", ""), ("MANWIDTH", "80")])
            .output()
            .unwrap();
        assert!(man.status.success() && man.stderr.is_empty(), "{name}: {}", String::from_utf8_lossy(&man.stderr));
        // A reader of manuals has no files of the repository beside it.
        let plain = ["R", "B", "I"].iter().fold(source, |text, font| text.replace(&format!("\\f[{font}]"), ""));
        for link in ["](", ".md)", "<!--"] {
            assert!(!plain.contains(link), "{name} has {link:?}");
        }
    }
}

#[test]
fn the_manual_has_every_command_and_option_and_no_other() {
    if !has("man pages", &["pandoc"]) {
        return;
    }
    let manual = page("auship.8");
    let plain = manual.replace("\\-", "-").replace("\\f[B]", "").replace("\\f[R]", "").replace("\\f[I]", "");
    let section = |name: &str| {
        let after = plain.split(&format!("\n.SH {name}\n")).nth(1).unwrap_or_else(|| panic!("no section {name}"));
        after.split("\n.SH ").next().unwrap().to_string()
    };
    let terms = |text: &str| -> BTreeSet<String> {
        let lines: Vec<&str> = text.lines().collect();
        lines.windows(2).filter(|pair| pair[0] == ".TP").map(|pair| pair[1].to_string()).collect()
    };
    // A command can be a term of two words ("spool list"); the first is the command.
    let described: BTreeSet<String> =
        terms(&section("COMMANDS")).iter().map(|term| term.split(' ').next().unwrap().to_string()).collect();
    assert_eq!(described, commands());

    let mut helped = options(&help(None));
    for command in commands() {
        helped.extend(options(&help(Some(&command))));
    }
    helped.insert("--help".into());
    let described: BTreeSet<String> = terms(&section("OPTIONS")).iter().flat_map(|term| options(term)).collect();
    assert_eq!(described, helped);
    let synopsis = section("SYNOPSIS");
    for command in commands() {
        assert!(synopsis.contains(&format!("auship {command}")) || command == "run", "{command} isn't in {synopsis}");
    }
}

#[test]
fn the_manual_of_the_configuration_has_every_key_and_no_other() {
    if !has("man pages", &["pandoc"]) {
        return;
    }
    let manual = page("auship.conf.5").replace("\\-", "-");
    // A key is a term: its name in bold, and what a value looks like.
    let lines: Vec<&str> = manual.lines().collect();
    let terms = lines.windows(2).filter(|pair| pair[0] == ".TP").map(|pair| pair[1]);
    let described: BTreeSet<String> = terms
        .filter(|term| term.starts_with("\\f[B]") && term.contains(" = "))
        .map(|term| term["\\f[B]".len()..].split("\\f[").next().unwrap().to_string())
        .collect();
    let listed = String::from_utf8(auship(&["check", "--keys"], b"").stdout).unwrap();
    let keys: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.contains(' '))
        .map(|name| name.trim_end_matches("NAME").to_string())
        .collect();
    assert!(keys.len() > 50, "{keys:?}");
    assert_eq!(described, keys);
}

#[test]
fn without_pandoc_the_manuals_are_installed_as_markdown_and_a_package_fails() {
    let dir = tempfile::tempdir().unwrap();
    // Everything but pandoc.
    let tools = dir.path().join("tools");
    fs::create_dir(&tools).unwrap();
    for from in ["/usr/bin", "/bin", "/usr/sbin"] {
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            if file.file_name() != "pandoc" {
                let _ = std::os::unix::fs::symlink(file.path(), tools.join(file.file_name()));
            }
        }
    }
    let run = |more: &str| {
        let root = dir.path().join(format!("root{more}"));
        let mut command = Command::new("make");
        command.current_dir(project()).args(["install", &format!("BINARY={AUSHIP}")]);
        command.args([&format!("DESTDIR={}", root.display()), more]);
        let cargo = env!("CARGO");
        let path = format!("{}:{}", tools.display(), Path::new(cargo).parent().unwrap().display());
        (command.env("PATH", path).output().unwrap(), root)
    };
    let (plain, root) = run("A=1");
    assert!(plain.status.success(), "{}", text(&plain));
    assert!(text(&plain).contains("pandoc is missing, so man pages"), "{}", text(&plain));
    assert!(root.join("usr/share/doc/auship/auship.8.md").exists() && !root.join("usr/share/man").exists());
    let (package, _) = run("PACKAGE=1");
    assert!(!package.status.success(), "{}", text(&package));
}

/// What a shell offers for a line that is being typed.
fn offered(shell: &str, line: &str) -> BTreeSet<String> {
    let share = installed().join("usr/share");
    let script = match shell {
        "bash" => format!(
            "source {}\ncompopt() {{ :; }}\nCOMP_WORDS=({line}); [[ '{line}' == *' ' ]] && COMP_WORDS+=('')\n\
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE='{line}'; _auship; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            share.join("bash-completion/completions/auship").display()
        ),
        "fish" => {
            format!("source {}; complete -C '{line}'", share.join("fish/vendor_completions.d/auship.fish").display())
        }
        _ => panic!("{shell}"),
    };
    let offered = output(shell, &["-c", &script]);
    let words = offered.lines().map(|line| line.split(['\t', ' ', '=']).next().unwrap().to_string());
    words.filter(|word| !word.is_empty()).collect()
}

#[test]
fn shells_complete_every_command_and_option() {
    if !has("completions", &["python3", "bash", "fish", "zsh"]) {
        return;
    }
    for shell in ["bash", "fish"] {
        let first = offered(shell, "auship ");
        assert!(commands().is_subset(&first), "{shell}: {first:?}");
        for command in commands() {
            let mut expected = options(&help(Some(&command)));
            expected.insert("--help".into());
            assert_eq!(offered(shell, &format!("auship {command} --")), expected, "{shell}: {command}");
        }
    }
    let expected = BTreeSet::from(["always", "local", "never"].map(str::to_string));
    assert_eq!(offered("bash", "auship convert --resolve-ids = "), expected);
    // zsh completes in an editor alone. Its file is read by zsh, and names each option.
    let zsh = installed().join("usr/share/zsh/vendor-completions/_auship");
    output("zsh", &["-n", zsh.to_str().unwrap()]);
    let text = fs::read_to_string(zsh).unwrap();
    for command in commands() {
        let line = text.lines().find(|line| line.contains(&format!("'{command}') _arguments"))).unwrap();
        let mut expected = options(&help(Some(&command)));
        expected.insert("--help".into());
        // Descriptions are in brackets.
        let without: String =
            line.split('[').map(|part| part.rsplit(']').next().unwrap()).collect::<Vec<_>>().join(" ");
        assert_eq!(options(&without), expected, "zsh: {command}");
    }
}

#[test]
fn the_sbom_has_the_crates_of_the_lock_file() {
    if !has("the SBOM", &["python3"]) {
        return;
    }
    let text = fs::read_to_string(installed().join("usr/share/auship/auship.cdx.json")).unwrap();
    let bom: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((bom["bomFormat"].as_str(), bom["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    let components = bom["components"].as_array().unwrap();
    let of = |component: &serde_json::Value| -> (String, String) {
        let field = |name: &str| component[name].as_str().unwrap().to_string();
        (field("name"), field("version"))
    };

    // cargo knows which crates are compiled for the program, as opposed to tests and builds.
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges=normal", "--prefix=none", "--format={p}"])
        .current_dir(project())
        .output()
        .unwrap();
    let tree: BTreeSet<(String, String)> = String::from_utf8(tree.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, version)| (name.to_string(), version.split(' ').next().unwrap().to_string()))
        .filter(|(name, _)| name != "auship")
        .collect();
    assert_eq!(components.iter().map(of).collect::<BTreeSet<_>>(), tree);

    let lock = fs::read_to_string(project().join("Cargo.lock")).unwrap();
    let value = |entry: &str, name: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")).map(str::to_string));
        line.map(|line| line.trim_end_matches('"').to_string())
    };
    let checksums: BTreeMap<(String, String), String> = lock
        .split("[[package]]\n")
        .filter_map(|entry| Some(((value(entry, "name")?, value(entry, "version")?), value(entry, "checksum")?)))
        .collect();
    for component in components {
        let key = of(component);
        assert_eq!(component["hashes"][0]["content"].as_str(), Some(checksums[&key].as_str()), "{key:?}");
        assert!(component["licenses"][0]["expression"].as_str().is_some_and(|text| !text.contains('/')), "{key:?}");
        assert_eq!(component["purl"].as_str().unwrap(), format!("pkg:cargo/{}@{}", key.0, key.1));
    }
    let known: BTreeSet<&str> =
        components.iter().chain([&bom["metadata"]["component"]]).map(|c| c["bom-ref"].as_str().unwrap()).collect();
    for entry in bom["dependencies"].as_array().unwrap() {
        for name in entry["dependsOn"].as_array().unwrap().iter().chain([&entry["ref"]]) {
            assert!(known.contains(name.as_str().unwrap()), "{name} is no component");
        }
    }
}
