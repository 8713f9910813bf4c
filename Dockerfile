# syntax=docker/dockerfile:1
# The image of jethook: the binary, the CAs of the system and the C library, without a shell.
#
#   docker build -t jethook .                                     the image
#   docker build --target binary --output type=local,dest=. .     the binary alone
ARG RUST_VERSION=1.95

FROM docker.io/library/rust:${RUST_VERSION}-bookworm AS build
ARG TARGETARCH
WORKDIR /src
# Writes the list of crates into the binary, where scanners of images find it.
RUN cargo install cargo-auditable --locked --version 0.7.7
COPY Cargo.toml Cargo.lock ./
COPY src src
# The caches outlive the layer, so the binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=target-${TARGETARCH} \
    cargo auditable build --release --locked --bin jethook && cp target/release/jethook /jethook

FROM scratch AS binary
COPY --from=build /jethook /jethook

FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="jethook" \
      org.opencontainers.image.description="Receives webhooks, verifies them and stores them in NATS JetStream before it answers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/jethook/jethook" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /jethook /usr/local/bin/jethook
COPY LICENSE /usr/share/doc/jethook/LICENSE
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/usr/local/bin/jethook"]
CMD ["run"]
