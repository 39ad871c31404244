//! Paths as bytes: joining, normalising and comparing them. Also tells whether the relative names of a system call
//! begin at the working directory.

/// The arguments of a system call that hold open directories. Its relative names begin there. `None` for an unknown
/// call.
fn directory_arguments(syscall: &[u8]) -> Option<&'static [&'static [u8]]> {
    Some(match syscall {
        b"openat" | b"openat2" | b"mkdirat" | b"mknodat" | b"fchownat" | b"unlinkat" | b"fchmodat" | b"fchmodat2"
        | b"faccessat" | b"faccessat2" | b"newfstatat" | b"fstatat64" | b"utimensat" | b"utimensat_time64"
        | b"futimesat" | b"readlinkat" | b"execveat" | b"statx" | b"name_to_handle_at" | b"open_tree"
        | b"open_tree_attr" | b"mount_setattr" | b"fspick" | b"setxattrat" | b"getxattrat" | b"listxattrat"
        | b"removexattrat" | b"file_getattr" | b"file_setattr" => &[b"a0"],
        b"renameat" | b"renameat2" | b"linkat" | b"move_mount" => &[b"a0", b"a2"],
        b"symlinkat" => &[b"a1"],
        b"fanotify_mark" => &[b"a3"],
        // libaudit has no name for this call: the record has its number.
        [b'0'..=b'9', ..] | b"" => return None,
        _ => &[],
    })
}

/// True if the relative names of a system call begin at the working directory. `argument` returns the recorded
/// arguments (`a0` to `a3`). If the call was given an open directory, the records don't name that directory.
pub fn begins_at_cwd<'e>(syscall: &[u8], argument: impl Fn(&[u8]) -> Option<&'e [u8]>) -> bool {
    let Some(directories) = directory_arguments(syscall) else { return false };
    // AT_FDCWD (<fcntl.h>), -100, as a 32-bit or a 64-bit argument.
    directories.iter().all(|name| matches!(argument(name), Some(b"ffffff9c" | b"ffffffffffffff9c")))
}

/// Appends an absolute name to an empty path, without `.`, `..` and superfluous slashes. For a relative name it appends
/// nothing and returns false.
pub fn append_absolute(path: &mut Vec<u8>, name: &[u8]) -> bool {
    if name.first() != Some(&b'/') {
        return false;
    }
    path.push(b'/');
    append_relative(path, name);
    true
}

/// Appends a relative name to a path, without `.`, `..` and superfluous slashes.
pub fn append_relative(path: &mut Vec<u8>, name: &[u8]) {
    for part in name.split(|b| *b == b'/') {
        match part {
            b"" | b"." => (),
            // The parent of the root is the root.
            b".." => {
                let up = memchr::memrchr(b'/', path).unwrap_or(0);
                path.truncate(up.max(1));
            }
            _ => {
                if path.len() > 1 {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
}

/// True if a path is the directory itself or below it. Neither ends in a slash, except the root.
pub fn is_below(path: &[u8], directory: &[u8]) -> bool {
    match path.strip_prefix(directory) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || directory == b"/",
        None => false,
    }
}

/// The full path of a name, not normalised. A relative name begins at the working directory, if that is known.
pub fn join(cwd: &[u8], name: Vec<u8>) -> Vec<u8> {
    if name.starts_with(b"/") || name.is_empty() || !cwd.starts_with(b"/") {
        return name;
    }
    let separator: &[u8] = if cwd.ends_with(b"/") { b"" } else { b"/" };
    [cwd, separator, &name].concat()
}

/// The directory and the last name of a path. The directory is empty if the path has none.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let trimmed = path.strip_suffix(b"/").filter(|path| !path.is_empty()).unwrap_or(path);
    match memchr::memrchr(b'/', trimmed) {
        Some(0) => (b"/", &trimmed[1..]),
        Some(at) => (&trimmed[..at], &trimmed[at + 1..]),
        None => (b"", trimmed),
    }
}

/// The part of a name after its last dot. Empty if the only dot is the first character.
pub fn extension(name: &[u8]) -> &[u8] {
    match memchr::memrchr(b'.', name) {
        Some(at) if at > 0 => &name[at + 1..],
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(split(b"/etc/ssh/sshd_config"), (&b"/etc/ssh"[..], &b"sshd_config"[..]));
        assert_eq!(split(b"/vmlinuz"), (&b"/"[..], &b"vmlinuz"[..]));
        assert_eq!(split(b"/run/user/"), (&b"/run"[..], &b"user"[..]));
        assert_eq!(split(b"/"), (&b"/"[..], &b""[..]));
        assert_eq!(split(b"name"), (&b""[..], &b"name"[..]));
        assert_eq!(split(b""), (&b""[..], &b""[..]));
        assert_eq!(extension(b"audit.rules"), b"rules");
        assert_eq!(extension(b".bashrc"), b"");
        assert_eq!(extension(b"a."), b"");
    }

    #[test]
    fn relative_names_begin_at_the_working_directory() {
        let join = |name: &str, cwd: &str| String::from_utf8_lossy(&join(cwd.as_bytes(), name.into())).into_owned();
        assert_eq!(join("a/b", "/root"), "/root/a/b");
        assert_eq!(join("a", "/"), "/a");
        assert_eq!(join("/a", "/root"), "/a");
        assert_eq!(join("a", ""), "a");
        assert_eq!(join("", "/root"), "");
    }

    #[test]
    fn dots_and_slashes_are_resolved() {
        for (name, expected) in [
            ("/", "/"),
            ("//a//b/", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/..", "/"),
            ("/a/../../b", "/b"),
            ("/...", "/..."),
        ] {
            let mut path = Vec::new();
            assert!(append_absolute(&mut path, name.as_bytes()));
            assert_eq!(String::from_utf8_lossy(&path), expected, "{name}");
        }
        let mut path = Vec::new();
        assert!(!append_absolute(&mut path, b"a") && path.is_empty());
    }

    #[test]
    fn a_directory_holds_what_is_below_it() {
        assert!(is_below(b"/etc", b"/etc") && is_below(b"/etc/passwd", b"/etc") && is_below(b"/x", b"/"));
        assert!(!is_below(b"/etcetera", b"/etc") && !is_below(b"/et", b"/etc"));
    }

    #[test]
    fn calls_say_where_their_names_begin() {
        let at = |a0: &'static [u8]| move |name: &[u8]| (name == b"a0").then_some(a0);
        assert!(begins_at_cwd(b"open", at(b"5")));
        assert!(begins_at_cwd(b"openat", at(b"ffffff9c")));
        assert!(begins_at_cwd(b"openat", at(b"ffffffffffffff9c")));
        assert!(!begins_at_cwd(b"openat", at(b"5")));
        assert!(!begins_at_cwd(b"renameat", at(b"ffffff9c")), "the second directory isn't known");
        assert!(!begins_at_cwd(b"451", at(b"ffffff9c")), "a call without a name");
    }
}
