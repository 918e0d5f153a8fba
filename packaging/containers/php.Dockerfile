# php-fpm with the extension as an image. In the root of the repository:
#
#   docker build -f packaging/containers/php.Dockerfile -t fastapi-php .
#
# PHP may be another image of PHP 8.1 or newer with php-config, also a thread-safe one, on Debian 12. Begin the
# Dockerfile of your application with `FROM fastapi-php`.
ARG RUST=rust:1-bookworm
ARG PHP=php:8.3-fpm-bookworm

FROM ${RUST} AS rust

FROM ${PHP} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev make autoconf libclang1-14 libclang-common-14-dev
COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo /usr/local/cargo
ENV RUSTUP_HOME=/usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo
ENV PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /src
COPY . .
# As PIE builds it. The folders of this PHP are in /built then.
RUN cd packaging/pie && phpize && ./configure && make && make install INSTALL_ROOT=/built \
    && ini="/built$(php -r 'echo PHP_CONFIG_FILE_SCAN_DIR;')" && mkdir -p "$ini" \
    && printf '%s\n' extension=fastapi_websocket fastapi_websocket.path=/var/lib/fastapi-broadcaster/queue \
        >"$ini/20-fastapi_websocket.ini"

FROM ${PHP}
COPY --from=build /built/ /
# As in the image of the broadcaster: the one that is started first fills a new volume.
RUN install -d -o 1001 -g 2000 -m 2770 /var/lib/fastapi-broadcaster/queue \
    && install -d -o 1001 -g 2000 -m 0700 /var/lib/fastapi-broadcaster/history \
    && php -r 'exit((int) !extension_loaded("fastapi_websocket"));'
VOLUME /var/lib/fastapi-broadcaster

# www-data of Debian, and the group that it shares with the broadcaster.
USER 33:2000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["php", "-n", "-r", "exit((int) !@fsockopen('127.0.0.1', 9000));"]
