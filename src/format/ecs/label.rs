//! Security labels (SELinux contexts) and their parts.

use super::object::Objects;
use crate::event::unquoted;

/// The names of a security label's parts (`user:role:type:level:categories`), as the reference calls them.
const LABEL: [&str; 5] = ["user", "role", "domain", "level", "category"];

/// Splits a security label into named parts. The last part keeps further colons.
pub(super) fn label(text: &[u8]) -> impl Iterator<Item = (&'static str, &[u8])> {
    LABEL.into_iter().zip(text.splitn(LABEL.len(), |b| *b == b':'))
}

/// Writes `selinux` with the parts of a label.
pub(super) fn write_label(objects: &mut Objects, text: &[u8]) {
    if text.is_empty() {
        return;
    }
    let selinux = objects.open("selinux");
    for (piece, text) in label(unquoted(text)) {
        objects.text(piece, text);
    }
    objects.close(selinux);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_up_to_five_pieces() {
        let pieces = |text: &'static str| label(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(pieces("unconfined"), [("user", &b"unconfined"[..])]);
        let whole = pieces("system_u:system_r:sshd_t:s0-s0:c0.c1023");
        assert_eq!(whole[4], ("category", &b"c0.c1023"[..]));
        assert_eq!(pieces("a:b:c:d:e:f")[4], ("category", &b"e:f"[..]));
    }
}
