"""Notices when an EVI becomes ready, or stops being ready."""

from evpnd.core.evi.device_retries import Attempts
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.readiness import bridge_name, vxlan_name
from evpnd.core.turn import Turn

MAKING = 3.0
"""Seconds that devices may take before a managed EVI is reported as not ready."""
EACH = 0.01
"""Seconds more for each other EVI whose devices are being made."""


class News:
    """Reports an EVI whose devices are being created only if that takes long.

    Devices that we make ourselves are half there for a moment.
    """

    def __init__(self, attempts: Attempts) -> None:
        """Store the attempts to create devices."""
        self._attempts = attempts
        self._in_the_making: dict[int, float] = {}
        """By VNI, EVIs whose devices are being made, and when that has taken too
        long; monotonic seconds."""

    def tell(self, vrf: MacVrf, before: str | None, turn: Turn) -> None:
        """Report whether an EVI is ready; `before` is why it was not, None: it was."""
        vni = vrf.config.vni
        if vrf.reason == before and vni not in self._in_the_making:
            return
        names = {vxlan_name(vrf.config), bridge_name(vrf.config)}
        making = vrf.config.owns_devices and names.isdisjoint(self._attempts.refused)
        if vrf.reason is not None and making:
            others = len(self._in_the_making)
            last = turn.now + MAKING + others * EACH
            due = self._in_the_making.setdefault(vni, last)
            if turn.now < due:
                self._attempts.look_again(due)
                return
        self.forget(vrf)
        if vrf.reason is None:
            turn.tell(vrf.notice("info", "evi_ready"))
        else:
            turn.tell(vrf.notice("warning", "evi_not_ready", reason=vrf.reason))

    def forget(self, vrf: MacVrf) -> None:
        """Stop waiting for the devices of an EVI that is gone or was reported."""
        self._in_the_making.pop(vrf.config.vni, None)
