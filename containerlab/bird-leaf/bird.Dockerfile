# BIRD with EVPN, and `ip` and `bridge`, which the topology's `exec` needs. Debian 13 has
# 2.17 and 3.1, which have no EVPN; Debian testing has.
#
#   docker build --tag bird-evpn - < containerlab/bird-leaf/bird.Dockerfile
FROM debian:testing-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bird3 iproute2 \
    && rm -rf /var/lib/apt/lists/*
CMD ["sleep", "infinity"]
