//! `file`: the PATH record that an event is about.

use super::{
    fields::KnownField,
    gather::{Found, Gather},
    label::write_label,
    object::Objects,
    view::View,
};
use crate::{
    event::{FieldRef, is_absent, record_type, unquoted},
    paths,
};

/// File types in a mode (`S_IFMT`, inode(7)).
const TYPES: [(u32, &str); 7] = [
    (0o100_000, "file"),
    (0o040_000, "dir"),
    (0o120_000, "symlink"),
    (0o020_000, "character-device"),
    (0o060_000, "block-device"),
    (0o010_000, "fifo"),
    (0o140_000, "socket"),
];
const TYPE_MASK: u32 = 0o170_000;

/// Reads a mode, which is recorded in octal.
pub(super) fn mode(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(str::from_utf8(unquoted(text)).ok()?, 8).ok()
}

/// Finds the PATH record of the object. It starts at the PATH record with index `hint` and takes the first one that is
/// neither a parent directory nor unknown. If there is none, it takes the record at `hint`.
pub(super) fn object(view: &View, hint: usize) -> Option<usize> {
    let event = view.event;
    let paths = || event.places(record_type::PATH);
    let count = paths().count();
    let hint = if count > hint { hint } else { 0 };
    let is_object = |number: &usize| {
        let kind = event.value(&event.records()[*number], b"nametype").map(unquoted);
        !matches!(kind, Some(b"PARENT" | b"UNKNOWN"))
    };
    paths().skip(hint).find(is_object).or_else(|| paths().nth(hint))
}

/// True when the event's relative names begin at the working directory, not at a directory that the call has open.
fn begins_at_cwd(gather: &Gather) -> bool {
    let view = gather.view;
    let Some(call) = view.call_name(gather.flat.interpreter) else { return true };
    paths::begins_at_cwd(call, |name| view.find(name).map(|place| place.text()))
}

/// Writes `file`.
pub(super) fn write(gather: &mut Gather, number: usize, out: &mut Vec<u8>) {
    let event = gather.view.event;
    let record = &event.records()[number];
    let mut name = Vec::new();
    gather.path_name(number, &mut name);
    let mut cwd = Vec::new();
    if !name.starts_with(b"/") && begins_at_cwd(gather) {
        gather.interpreted(KnownField::Cwd, &mut cwd);
    }
    let path = paths::join(&cwd, name);
    let mut objects = Objects { out };
    let file = objects.open("file");
    if !path.is_empty() {
        objects.text("path", &path);
        let (directory, name) = paths::split(&path);
        objects.some("directory", directory);
        objects.some("name", name);
        objects.some("extension", paths::extension(name));
    }
    let value = |name: &[u8]| event.value(record, name).filter(|v| !is_absent(v)).map_or(&b""[..], unquoted);
    objects.some("inode", value(b"inode"));
    objects.some("device", value(b"rdev"));
    if let Some(mode) = mode(value(b"mode")) {
        objects.text("mode", format!("{:04o}", mode & 0o7777).as_bytes());
        if let Some((_, word)) = TYPES.iter().find(|(bits, _)| mode & TYPE_MASK == *bits) {
            objects.text("type", word.as_bytes());
        }
    }
    let mut name = Vec::new();
    for (id, key, name_key) in [(&b"ouid"[..], "uid", "owner"), (b"ogid", "gid", "group")] {
        let fields = event.fields(record);
        let Some(nth) = fields.iter().position(|f| event.bytes(f.name) == id) else { continue };
        let place = FieldRef { event, number, record, field: fields[nth] };
        let text = unquoted(place.text());
        if is_absent(text) {
            continue;
        }
        objects.text(key, text);
        name.clear();
        if let Some(id) = gather.flat.id_of(record, nth) {
            gather.name_of(Found { place, id }, &mut name);
        }
        objects.some(name_key, &name);
    }
    write_label(&mut objects, value(b"obj"));
    objects.close(file);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode(b"0100755"), Some(0o100_755));
        assert_eq!(mode(b"0x1"), None);
        assert_eq!(mode(b""), None);
        assert_eq!(mode(b"77777777777777777777"), None);
    }
}
