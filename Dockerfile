# The image of Weir for people with Docker: `docker build -t weir .`, then `docker run -p 9092:9092 weir dev`.
# e2e/image/build writes the same image without Docker.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The operator is built as soon as the source has it.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/target \
    set -eu; \
    triple="$(uname -m)-unknown-linux-gnu"; \
    packages="-p weir-server"; \
    if [ -d operator/controller ]; then packages="$packages -p weir-operator-controller"; fi; \
    RUSTFLAGS="-C target-feature=+crt-static" CARGO_TARGET_DIR=/target \
        cargo build --release --locked --target "$triple" $packages; \
    mkdir -p /image/usr/bin /image/etc/weir /image/var/lib/weir; \
    mkdir -m 1777 /image/tmp; \
    for program in weir weir-operator; do \
        if [ -f "/target/$triple/release/$program" ]; then cp "/target/$triple/release/$program" /image/usr/bin/; fi; \
    done; \
    chown -R 65532:65532 /image/etc/weir /image/var/lib/weir

FROM scratch
COPY --from=build /image/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# A number, because Kubernetes can check `runAsNonRoot` only of one.
USER 65532:65532
EXPOSE 9092 9094 9095 9644
ENTRYPOINT ["/usr/bin/weir"]
