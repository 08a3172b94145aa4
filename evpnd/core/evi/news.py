"""What is told when an EVI is ready, or is so no more."""

from evpnd.core.evi.device_retries import Attempts
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.readiness import bridge_name, vxlan_name
from evpnd.core.turn import Turn

MAKING = 3.0
"""Seconds that devices of a managed EVI may take before it is told as not ready."""


class News:
    """Tells of an EVI that is in the making only if that lasts.

    Devices that we make ourselves are half there for a moment.
    """

    def __init__(self, attempts: Attempts) -> None:
        """Take what is known of the devices that are made."""
        self._attempts = attempts
        self._in_the_making: dict[int, float] = {}
        """By VNI, EVIs whose devices are being made, and when that has taken too
        long; monotonic seconds."""

    def tell(self, vrf: MacVrf, before: str | None, turn: Turn) -> None:
        """Tell whether an EVI is ready; `before` is why it was not, None: it was."""
        vni = vrf.config.vni
        if vrf.reason == before and vni not in self._in_the_making:
            return
        names = {vxlan_name(vrf.config), bridge_name(vrf.config)}
        making = vrf.config.manage and names.isdisjoint(self._attempts.refused)
        if vrf.reason is not None and making:
            due = self._in_the_making.setdefault(vni, turn.now + MAKING)
            if turn.now < due:
                self._attempts.look_again(due)
                return
        self.forget(vrf)
        if vrf.reason is None:
            turn.tell(vrf.notice("info", "evi_ready"))
        else:
            turn.tell(vrf.notice("warning", "evi_not_ready", reason=vrf.reason))

    def forget(self, vrf: MacVrf) -> None:
        """Wait no longer for the devices of an EVI that is gone, or was told of."""
        self._in_the_making.pop(vrf.config.vni, None)
