"""The pairs of `make interop`."""

from integration.interop import TOPOLOGIES, pairs
from lab.reader import read, topology_file


def test_the_matrix_names_nodes_that_are_there() -> None:
    for pair in pairs():
        topology = read(topology_file(TOPOLOGIES / pair.topology))
        named = {pair.evpnd, pair.far, pair.neighbour["node"], pair.vm["node"]}

        assert named | {pair.other["node"]} <= topology.nodes.keys()
        assert pair.neighbour["program"] in ("evpnd", "frr", "gobgp")
