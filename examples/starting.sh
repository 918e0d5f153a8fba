# shellcheck shell=bash
# What the scripts share that start an example of several processes: sourced by `two_servers/run` and
# `laravel-echo/run`, which set `example`, their name in messages. Goes to the root of the repository, and makes
# `directory`, which is removed at the end together with every process that was started.

: "${example:?}"

die() {
    echo "$example: $1" >&2
    exit 1
}

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
broadcaster=${FASTAPI_BROADCASTER:-${CARGO_TARGET_DIR:-target}/release/fastapi-broadcaster}
extension=${FASTAPI_EXTENSION:-$PWD/target/release/libfastapi_websocket.so}
for built in "$broadcaster" "$extension"; do
    [ -e "$built" ] || die "$built does not exist: run 'make build' first"
done

directory=$(mktemp -d)

# shellcheck disable=SC2317 # called by the trap
stop() {
    trap '' INT TERM HUP
    # Every process that was started, also one whose id was not stored because of a signal.
    local children
    mapfile -t children < <(jobs -rp)
    [ "${#children[@]}" -eq 0 ] || kill "${children[@]}" 2>/dev/null || true
    wait
    rm -rf "$directory"
}
trap stop EXIT
# Ctrl-C is the normal end, so it is a success.
trap 'echo; exit 0' INT
trap 'exit 0' TERM HUP

# Writes a secret of 32 random bytes into the file $1, which others cannot read.
make_secret() {
    (umask 077 && head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"$1")
}

# Waits until the log in $1 has a line that matches $2. Fails when the process $3 ends before.
wait_for_line() {
    local deadline=$((SECONDS + 10))
    until grep -qs "$2" "$1"; do
        kill -0 "$3" 2>/dev/null || return 1
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

# Waits until the broadcaster that is process $2 listens, and prints where. $1 is its log, in JSON.
address_of_broadcaster() {
    wait_for_line "$1" '"listening"' "$2" || {
        cat "$1" >&2
        die "the broadcaster did not start"
    }
    sed -n '/"listening"/s/.*"address":"\([^"]*\)".*/\1/p' "$1"
}

# Waits until PHP's built-in server listens that is process $2, and prints its URL. $1 is its log.
url_of_php() {
    wait_for_line "$1" 'Development Server (' "$2" || {
        cat "$1" >&2
        die "PHP did not start"
    }
    sed -n 's/.*Development Server (\(http[^)]*\)) started.*/\1/p' "$1"
}
