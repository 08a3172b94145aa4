"""Why an address is present or absent: from the received route to the kernel's row.

Each story is told in order, a step a sentence. Where something is absent, the last
step names the first place where it got lost.
"""

from evpnd.views.explain.ip import explain_ip
from evpnd.views.explain.mac import explain_mac
from evpnd.views.explain.narrative import Read, Step, Story
from evpnd.views.explain.vtep import explain_vtep, kinds_of_ip

__all__ = [
    "Read",
    "Step",
    "Story",
    "explain_ip",
    "explain_mac",
    "explain_vtep",
    "kinds_of_ip",
]
