# What the scripts of both packages do. The build puts this text in front of each of them. It works in a chroot, without
# systemd, without a running auditd, and when it has been done before.

# Makes the user and the group.
make_user() {
    if ! getent passwd auship >/dev/null; then
        if [ -e /usr/lib/sysusers.d/auship.conf ] && command -v systemd-sysusers >/dev/null; then
            systemd-sysusers /usr/lib/sysusers.d/auship.conf
        else
            getent group auship >/dev/null || groupadd --system auship
            useradd --system --gid auship --home-dir /var/spool/auship --no-create-home --shell /usr/sbin/nologin \
                --comment "auship, ships audit events" auship
        fi
    fi
}

# Gives the spools and /run/auship to the user, and lets it read the configuration. Spools of an auship that ran as root
# become the user's.
own_files() {
    for path in /etc/auship /etc/auship/auship.conf; do
        if [ -e "$path" ]; then find "$path" -maxdepth 0 -group root -exec chgrp auship {} +; fi
    done
    # While everything is root's, nobody else can put files there whose owner should not change. Otherwise auship itself
    # gives those spools to the user at its start that only root can have made.
    if [ -O /var/spool/auship ] && [ -z "$(find /var/spool/auship -mindepth 1 -type d ! -user root)" ]; then
        find /var/spool/auship -depth -exec chown -h auship:auship {} +
    fi
    for path in /run/auship /var/log/auship; do
        # In some systems others than root can write to /var/log, so a link isn't followed.
        if [ ! -e "$path" ] && [ ! -L "$path" ]; then
            mkdir -m 0750 "$path"
            chown -h auship:auship "$path"
        fi
    done
}

# The processes with this name in this root directory and in this namespace of processes. From a chroot, the auditd of the
# host is none of them.
processes() { # name
    for file in $(grep -lxs "$1" /proc/[0-9]*/comm); do
        process=${file%/comm}
        [ "$process/root/." -ef / ] && [ "$process/ns/pid" -ef /proc/self/ns/pid ] && echo "${process#/proc/}"
    done
    return 0
}

# auditd, or audispd, which starts plugins before auditd 3. It is root's.
auditd() {
    for pid in $(processes auditd) $(processes audispd); do
        [ -O "/proc/$pid" ] && echo "$pid"
    done
    return 0
}

# Makes auditd read its plugins again. It starts those that have become active, stops those whose file or program is gone,
# and starts those anew whose program has changed. auditd itself goes on.
reload_auditd() {
    for pid in $(auditd); do
        kill -HUP "$pid" || true
    done
}

# Waits until auditd's plugin has ended, for its shutdown_timeout and a little more.
wait_for_plugin() {
    parents=" $(auditd | tr '\n' ' ')"
    for _ in $(seq 150); do
        running=
        for pid in $(processes auship); do
            parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) || continue
            case $parents in *" $parent "*) running=$pid ;; esac
        done
        [ -n "$running" ] || return 0
        sleep 0.1
    done
    echo "auship: process $running is still delivering events" >&2
}

# Says what is left to do, if the plugin isn't active.
say_what_to_do() {
    if [ -e /etc/audit/plugins.d/auship.conf ] && ! grep -q '^active[[:space:]]*=[[:space:]]*yes' /etc/audit/plugins.d/auship.conf; then
        echo "auship: say in /etc/auship/auship.conf where events go, set active = yes in" \
            "/etc/audit/plugins.d/auship.conf, then: pkill -HUP -x auditd"
    fi
}
