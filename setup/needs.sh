# What this project needs from the system, and how each need is checked: by using it, because an installed package may
# still not work (libclang without its headers, php-config of another PHP). Sourced by `install`.
#
# Each check prints nothing when it succeeds, and one line that says what is wrong when it fails. Runs in the repository's
# root, with a directory of temporary files in `scratch`.
# shellcheck shell=bash

: "${scratch:?}"
php=${PHP:-php}
php_config=${PHP_CONFIG:-php-config}

# Needs by profile. Each includes what `run` needs.
needs_of() {
    case "$1" in
        run) echo cc php php-dev libclang ;;
        lint) echo cc php php-dev libclang shellcheck ;;
        test) echo cc php php-dev libclang php-fpm nginx caddy haproxy apache2 chromium firefox openssl systemd-analyze systemd-nspawn ip redis-server node npm promtool laravel symfony phpunit php-modules ;;
        client) echo cc php php-dev libclang node npm ;;
        laravel) echo cc php php-dev libclang laravel phpunit php-modules openssl ;;
        symfony) echo cc php php-dev libclang symfony phpunit php-modules ;;
        valgrind) echo cc php php-dev libclang valgrind ;;
        autobahn) echo cc php php-dev libclang python2 ;;
        profile) echo cc php php-dev libclang perf ;;
        bench) echo cc php php-dev libclang php-fpm nginx nchan nats-server redis-server phpredis node npm ;;
        *) return 1 ;;
    esac
}

check() {
    case "$1" in
        cc) check_cc ;;
        php) check_php ;;
        php-dev) check_php_dev ;;
        libclang) check_libclang ;;
        php-fpm) check_php_fpm ;;
        nginx) check_nginx ;;
        caddy) check_caddy ;;
        haproxy) check_haproxy ;;
        apache2) check_apache2 ;;
        chromium) check_chromium ;;
        firefox) check_firefox ;;
        shellcheck) check_shellcheck ;;
        systemd-nspawn) check_systemd_nspawn ;;
        openssl) check_openssl ;;
        systemd-analyze) check_systemd_analyze ;;
        valgrind) check_valgrind ;;
        python2) check_python2 ;;
        nchan) check_nchan ;;
        redis-server) check_redis_server ;;
        nats-server) setup/find "$1" >/dev/null || fail "no $1" ;;
        node) check_node ;;
        perf) "${PERF:-perf}" record --quiet --output "$scratch/perf" true >/dev/null 2>&1 || fail "no perf that may sample" ;;
        ip) PATH="$PATH:/usr/sbin:/sbin" ip -V >/dev/null 2>&1 || fail "no ip" ;;
        promtool) "$(setup/find promtool)" --version >/dev/null 2>&1 || fail "no promtool, which checks metrics" ;;
        laravel) check_laravel ;;
        symfony) check_symfony ;;
        phpredis) check_phpredis ;;
        phpunit) check_phpunit ;;
        php-modules) check_php_modules ;;
        npm) npm --version >/dev/null 2>&1 || fail "no npm" ;;
    esac
}

check_cargo() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! found=$(cargo --version 2>&1); then
        echo "cargo does not run (${found##*: }): Rust $wanted or newer is needed"
        return 1
    fi
    found=$(cut -d' ' -f2 <<<"$found")
    if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n1)" != "$wanted" ]; then
        echo "cargo is $found: Rust $wanted or newer is needed"
        return 1
    fi
}

check_cc() {
    echo 'int main(void) { return 0; }' | cc -x c -o "$scratch/cc" - >/dev/null 2>&1 ||
        fail "no C compiler: 'cc' does not compile and link a program"
}

check_php() {
    local version
    version=$("$php" -n -r 'echo PHP_VERSION;' 2>/dev/null) || fail "no PHP: '$php' does not run" || return
    "$php" -n -r 'exit(PHP_VERSION_ID >= 80100 ? 0 : 1);' ||
        fail "'$php' is PHP $version: PHP 8.1 or newer is needed"
}

check_php_dev() {
    local ours theirs
    theirs=$("$php_config" --vernum 2>/dev/null) || fail "no PHP headers: '$php_config' does not run" || return
    ours=$("$php" -n -r 'echo PHP_VERSION_ID;' 2>/dev/null) || fail "no PHP whose headers to look for" || return
    [ "$((ours / 100))" = "$((theirs / 100))" ] ||
        fail "'$php_config' belongs to another PHP ($theirs) than '$php' ($ours): set PHP and PHP_CONFIG" || return
    # shellcheck disable=SC2046 # the includes are several words
    echo '#include <php.h>' | cc $("$php_config" --includes) -x c -fsyntax-only - >/dev/null 2>&1 ||
        fail "no PHP headers: a C program cannot include php.h of '$php_config'" || return
    # PHP_ZTS is a number before PHP 8.4, then a bool.
    ours=$("$php" -n -r 'echo (int) PHP_ZTS;')
    # shellcheck disable=SC2046 # as above
    printf '#include <php.h>\n#if defined(ZTS) != %s\n#error\n#endif\n' "$ours" |
        cc $("$php_config" --includes) -x c -fsyntax-only - >/dev/null 2>&1 ||
        fail "one of '$php' and '$php_config' is thread-safe and the other is not: set PHP and PHP_CONFIG"
}

check_libclang() {
    [ -x "$scratch/cc" ] || fail "no libclang that could be tried without a C compiler" || return
    # The places where the bindgen crate looks.
    local candidates
    mapfile -t candidates < <(shopt -s nullglob; printf '%s\n' \
        ${LIBCLANG_PATH:+"$LIBCLANG_PATH" "$LIBCLANG_PATH"/libclang*.so*} \
        /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*-linux-gnu/libclang*.so* \
        /usr/lib64/libclang*.so* /usr/lib/libclang*.so* /usr/local/lib/libclang*.so* | grep -v libclang-cpp)
    cc -o "$scratch/libclang" setup/libclang.c -ldl >/dev/null 2>&1 || fail "no <dlfcn.h> to try libclang with" || return
    "$scratch/libclang" "${candidates[@]}" 2>/dev/null ||
        fail "no libclang that can read <stddef.h>: the library or its headers are missing"
}

check_php_fpm() {
    setup/find php-fpm >/dev/null 2>&1 || fail "no php-fpm of the same version as '$php'"
}

check_nginx() {
    local nginx
    nginx=$(setup/find nginx) || fail "no nginx" || return
    takes_simple_configuration "$nginx" || fail "'$nginx' refuses a simple configuration"
}

check_nchan() {
    local nginx module
    nginx=$(setup/find nginx) || fail "no nginx that could load nchan" || return
    module=$(setup/find nchan) || fail "no nchan module for nginx" || return
    takes_simple_configuration "$nginx" "load_module $module;" || fail "'$nginx' does not load $module"
}

# The second argument is put before the configuration.
takes_simple_configuration() {
    local nginx=$1 kind temporary=
    # The default paths for temporary files belong to root.
    for kind in client_body proxy fastcgi uwsgi scgi; do temporary+="${kind}_temp_path $scratch/$kind; "; done
    cat >"$scratch/nginx" <<TEXT
${2:-}
pid $scratch/pid;
events {}
http {
    access_log off; $temporary
    server {
        listen unix:$scratch/socket;
        location / { proxy_pass http://127.0.0.1; }
        location /php { fastcgi_pass unix:$scratch/fpm; }
    }
}
TEXT
    "$nginx" -t -q -e stderr -c "$scratch/nginx" >/dev/null 2>&1
}

check_chromium() {
    setup/find chromium >/dev/null 2>&1 || fail "no Chromium"
}

check_firefox() {
    setup/find firefox >/dev/null 2>&1 || fail "no Firefox"
}

check_caddy() {
    "$(setup/find caddy)" version >/dev/null 2>&1 || fail "no Caddy"
}

check_haproxy() {
    "$(setup/find haproxy)" -v >/dev/null 2>&1 || fail "no HAProxy"
}

check_apache2() {
    "$(setup/find apache2)" -v >/dev/null 2>&1 || fail "no Apache"
}

# Before 7, neither the bus of a cluster nor the haste of Sentinels can be chosen.
check_redis_server() {
    local redis version
    redis=$(setup/find redis-server) || fail "no redis-server" || return
    version=$("$redis" --version 2>/dev/null | sed -n 's/.* v=\([0-9]*\)\..*/\1/p')
    [ "${version:-0}" -ge 7 ] || fail "'$redis' is no Redis 7 or newer, or Valkey"
}

check_node() {
    local node
    node=$(setup/find node) || fail "no Node.js" || return
    "$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)' >/dev/null 2>&1 ||
        fail "'$node' is no Node.js 18 or newer"
}

check_laravel() {
    "$php" -n -r 'exit((int) !is_file(getenv("LARAVEL_AUTOLOAD") ?: stream_resolve_include_path("Illuminate/autoload.php")));' ||
        fail "no Laravel framework that '$php' can load"
}

check_symfony() {
    local missing
    # shellcheck disable=SC2016 # a variable of PHP
    missing=$("$php" -n -r '
        foreach (["pdo", "pdo_sqlite"] as $name) {
            if (!extension_loaded($name) && !is_file(ini_get("extension_dir") . "/$name.so")) echo "$name ";
        }
        $parts = ["Symfony/Bundle/FrameworkBundle", "Symfony/Bundle/SecurityBundle", "Symfony/Bundle/TwigBundle",
            "Symfony/Component/Messenger", "Symfony/Bridge/Doctrine", "Doctrine/ORM"];
        foreach (getenv("SYMFONY_AUTOLOAD") ? [] : $parts as $part) {
            if (!stream_resolve_include_path("$part/autoload.php")) echo "$part ";
        }
        if (getenv("SYMFONY_AUTOLOAD") && !is_file(getenv("SYMFONY_AUTOLOAD"))) echo getenv("SYMFONY_AUTOLOAD"), " ";')
    [ -z "$missing" ] || fail "no Symfony with Doctrine and SQLite that '$php' can load, there is no ${missing% }"
}

check_phpunit() {
    local phpunit
    phpunit=$(command -v "${PHPUNIT:-phpunit}") || fail "no PHPUnit" || return
    "$php" "$phpunit" --version >/dev/null 2>&1 || fail "'$php' does not run '$phpunit'"
}

# What Laravel and PHPUnit use, and what some distributions have as packages of their own.
check_php_modules() {
    local missing
    # shellcheck disable=SC2016 # a variable of PHP
    missing=$("$php" -n -r '
        foreach (["dom", "mbstring", "xml", "xmlwriter"] as $name) {
            if (!extension_loaded($name) && !is_file(ini_get("extension_dir") . "/$name.so")) echo "$name ";
        }')
    [ -z "$missing" ] || fail "'$php' has not the extensions: ${missing% }"
}

check_phpredis() {
    # Debian's needs igbinary. Where that is not there, it is only a warning.
    "$php" -n -d display_startup_errors=0 -d extension=igbinary -d extension=redis \
        -r 'exit(class_exists("Redis") ? 0 : 1);' >/dev/null 2>&1 || fail "'$php' has not the extension redis"
}

check_shellcheck() {
    shellcheck --version >/dev/null 2>&1 || fail "no shellcheck"
}

check_systemd_nspawn() {
    "$(setup/find systemd-nspawn)" --version >/dev/null 2>&1 || fail "no systemd-nspawn, to boot systemd in a copy of this machine"
}

check_openssl() {
    openssl version >/dev/null 2>&1 || fail "no openssl"
}

check_systemd_analyze() {
    systemd-analyze --version >/dev/null 2>&1 || fail "no systemd-analyze"
}

check_valgrind() {
    valgrind --version >/dev/null 2>&1 || fail "no valgrind"
}

check_python2() {
    local python
    python=$(setup/find python2) || fail "no Python 2.7, which the Autobahn test suite is written in" || return
    "$python" -m pip --version >/dev/null 2>&1 || fail "'$python' has no pip, which fetches the Autobahn test suite"
}

fail() {
    echo "$1"
    return 1
}
