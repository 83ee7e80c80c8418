# fedwave's image: the program, the libraries that it needs and nothing else; no shell, no package
# manager. docs/image.md tells how to build it and what was verified.
#
# The one image that this is made from. To build the same again, pin it by digest:
# debian:bookworm-slim@sha256:…, as `docker buildx imagetools inspect debian:bookworm-slim` shows it.
ARG BUILDER=docker.io/library/debian:bookworm-slim

# Runs on the machine that builds and compiles for the one that the image is for.
FROM --platform=$BUILDPLATFORM ${BUILDER} AS build
ARG TARGETARCH
WORKDIR /fedwave
COPY dev dev
COPY charts/image charts/image
RUN charts/image/build.sh packages
RUN charts/image/build.sh libcurl
COPY . .
RUN charts/image/build.sh program
RUN charts/image/build.sh root

FROM scratch
COPY --from=build /var/tmp/fedwave-image/root /

ARG VERSION=unreleased
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
ARG VENDOR=fedwave
LABEL org.opencontainers.image.title="fedwave" \
      org.opencontainers.image.description="Relays /federate of Istio's Prometheus to Wavefront" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.vendor="${VENDOR}"

# In numbers, so that runAsNonRoot can see that this is not root.
USER 65532:65532
# The status server.
EXPOSE 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/fedwave"]
CMD ["run", "--config", "/etc/fedwave/config.yaml"]
