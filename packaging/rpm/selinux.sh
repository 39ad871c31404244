
# Loads the SELinux module, where SELinux is in use. Without it, auship runs in auditd's domain, which may not connect to
# servers nor write spools.
load_selinux() {
    command -v selinuxenabled >/dev/null && selinuxenabled && command -v semodule >/dev/null || return 0
    [ -e /usr/share/selinux/packages/auship.pp ] || return 0
    semodule -i /usr/share/selinux/packages/auship.pp || return 0
    for path in /usr/sbin/auship /etc/auship /var/spool/auship /run/auship /var/log/auship*; do
        [ ! -e "$path" ] || restorecon -R "$path" || true
    done
}

unload_selinux() {
    command -v selinuxenabled >/dev/null && selinuxenabled && command -v semodule >/dev/null || return 0
    semodule -r auship || true
}
