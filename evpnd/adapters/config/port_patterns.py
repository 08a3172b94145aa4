"""Whether two patterns of port names can match the same device."""

from functools import cache

from evpnd.model.bridges import LONGEST_NAME


def can_meet(one: str, other: str) -> bool:
    """Return whether a device can have a name that both patterns match."""

    @cache
    def shortest(i: int, j: int) -> float:
        """Return the length of the shortest name that the rests of both match."""
        if i == len(one) and j == len(other):
            return 0
        found = float("inf")
        if i < len(one) and one[i] == "*":
            # It ends here, or takes one more character of the other.
            found = shortest(i + 1, j)
            if j < len(other):
                found = min(found, shortest(i, j + 1) + (other[j] != "*"))
        elif j < len(other) and other[j] == "*":
            found = shortest(i, j + 1)
            if i < len(one):
                found = min(found, shortest(i + 1, j) + 1)
        elif i < len(one) and j < len(other) and one[i] == other[j]:
            found = shortest(i + 1, j + 1) + 1
        return found

    return shortest(0, 0) <= LONGEST_NAME
