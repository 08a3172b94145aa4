# The reflector of this topology: Debian's GoBGP, which is the version that is measured,
# and `ip`, which the topology's `exec` needs.
#
#   docker build --tag gobgp:latest - < containerlab/ipv6-underlay/gobgp.Dockerfile
FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gobgpd iproute2 \
    && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["gobgpd"]
CMD ["-t", "toml", "-f", "/etc/gobgpd.toml"]
