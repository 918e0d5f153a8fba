# The broadcaster as an image. In the root of the repository:
#
#   docker build -f packaging/containers/broadcaster.Dockerfile -t fastapi-broadcaster .
#
# It needs no rights, and writes to /var/lib/fastapi-broadcaster alone: its root may be read-only.
ARG RUST=rust:1-bookworm
ARG BASE=debian:bookworm-slim

FROM ${RUST} AS build
# What --version prints; packaging/version says it.
ARG FASTAPI_VERSION
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p fastapi-broadcaster

FROM ${BASE}
# For https:// hooks and rediss://.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/fastapi-broadcaster /usr/local/bin/fastapi-broadcaster
# A new volume takes over folders, owners and modes from the image, so nothing else has to prepare it. The folders are
# below the place where it is mounted, because Docker does not keep the set-group-id bit of that place itself.
RUN install -d -o 1001 -g 2000 -m 2770 /var/lib/fastapi-broadcaster/queue \
    && install -d -o 1001 -g 2000 -m 0700 /var/lib/fastapi-broadcaster/history
VOLUME /var/lib/fastapi-broadcaster

ENV FASTAPI_WS_QUEUE=/var/lib/fastapi-broadcaster/queue
ENV FASTAPI_WS_HISTORY_DIR=/var/lib/fastapi-broadcaster/history
ENV FASTAPI_WS_LISTEN=0.0.0.0:8081
ENV FASTAPI_WS_LOG_FORMAT=json
# Of the container alone. The health check asks it.
ENV FASTAPI_WS_ADMIN_LISTEN=127.0.0.1:9611

# A user of its own, and the group that it shares with PHP. Numbers, because images have different names for them.
USER 1001:2000
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["fastapi-broadcaster", "admin", "status"]
ENTRYPOINT ["fastapi-broadcaster"]
