# The names of apt packages that meet our needs, on Debian and Ubuntu. Sourced by `install` and `apt-install`.
# shellcheck shell=bash

# Prints the packages for the needs given, one per line.
packages_of() {
    local need
    for need in "$@"; do
        case "$need" in
            cc) echo gcc libc6-dev ;;
            php) echo "php$(php_series)-cli" ;;
            php-dev) echo "php$(php_series)-dev" ;;
            php-fpm) echo "php$(php_series)-fpm" ;;
            libclang) libclang_packages ;;
            systemd-analyze) echo systemd ;;
            systemd-nspawn) echo systemd-container ;;
            nchan) echo libnginx-mod-nchan ;;
            ip) echo iproute2 ;;
            redis-server) echo redis-server redis-sentinel ;;
            node) echo nodejs ;;
            laravel) echo php-laravel-framework ;;
            symfony)
                echo php-symfony-framework-bundle php-symfony-security-bundle php-symfony-twig-bundle
                echo php-symfony-messenger php-symfony-doctrine-bridge php-doctrine-orm "php$(php_series)-sqlite3"
                ;;
            phpredis) echo "php$(php_series)-redis" ;;
            php-modules) echo "php$(php_series)-mbstring php$(php_series)-xml" ;;
            # Its service is not started, see apt-install.
            promtool) echo prometheus ;;
            # Ubuntu has one for each kernel.
            perf) apt-cache show linux-perf >/dev/null 2>&1 && echo linux-perf || echo "linux-tools-$(uname -r)" ;;
            # Ubuntu has no ESR.
            firefox) apt-cache show firefox-esr >/dev/null 2>&1 && echo firefox-esr || echo firefox ;;
            nginx | caddy | haproxy | apache2 | valgrind | chromium | openssl | phpunit | shellcheck | nats-server | npm) echo "$need" ;;
        esac
    done | tr ' ' '\n'
}

# The series of PHP, as in "8.2": that of the installed PHP, otherwise that of the distribution. Empty when unknown; then
# names like "php-cli" mean the version of the distribution.
php_series() {
    "${PHP:-php}" -n -r 'if (PHP_VERSION_ID < 80100) exit(1); echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;' 2>/dev/null ||
        depended_on php-cli 's/^php\([0-9.]*\)-cli$/\1/p'
}

# libclang-dev would install all of LLVM. The library and the compiler's headers are enough.
libclang_packages() {
    local series
    series=$(depended_on libclang-dev 's/^libclang-\([0-9]*\)-dev$/\1/p')
    if [ -n "$series" ]; then
        echo "libclang1-$series libclang-common-$series-dev"
    else
        echo libclang-dev
    fi
}

depended_on() {
    apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: //p' | sed -n "$2" | head -n1
}
