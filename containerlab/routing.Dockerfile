# evpnd with a routing daemon beside it, for the topologies underlay-*:
#
#   make image                                         # evpnd:latest
#   docker build --build-arg PACKAGE=frr --tag evpnd-frr \
#     --file containerlab/routing.Dockerfile containerlab
#   docker build --build-arg PACKAGE=bird2 --tag evpnd-bird \
#     --file containerlab/routing.Dockerfile containerlab
# hadolint ignore=DL3007
FROM evpnd:latest
ARG PACKAGE=frr
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ${PACKAGE} \
    && rm -rf /var/lib/apt/lists/*
