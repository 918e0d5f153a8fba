# shellcheck shell=bash
# What the scripts share that start several processes: sourced by `run`, `two_servers/run` and `laravel-echo/run`, which
# set `example`, their name in messages. Goes to the root of the repository, and makes `directory`. At the end every
# process that was started is stopped, and the directory removed.

: "${example:?}"

die() {
    echo "$example: $1" >&2
    exit 1
}

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
release=$(realpath -m "${CARGO_TARGET_DIR:-target}/release")
broadcaster=${FASTAPI_BROADCASTER:-$release/fastapi-broadcaster}
# PHP looks for a relative path in a directory of its own.
extension=${FASTAPI_EXTENSION:-$release/libfastapi_websocket.so}
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

# Waits until the broadcaster that is process $2 listens, and prints where. $1 is its log, in JSON, and $3 the message of
# another listener than that for clients.
address_of_broadcaster() {
    local message=${3:-listening}
    wait_for_line "$1" "\"$message\"" "$2" || {
        cat "$1" >&2
        die "the broadcaster did not start"
    }
    sed -n "/\"$message\"/s/.*\"address\":\"\([^\"]*\)\".*/\1/p" "$1"
}

# Waits until PHP's built-in server listens that is process $2, and prints its URL. $1 is its log.
url_of_php() {
    wait_for_line "$1" 'Development Server (' "$2" || {
        cat "$1" >&2
        die "PHP did not start"
    }
    sed -n 's/.*Development Server (\(http[^)]*\)) started.*/\1/p' "$1"
}
