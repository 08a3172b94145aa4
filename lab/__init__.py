"""containerlab's topology files, realised in network namespaces."""
