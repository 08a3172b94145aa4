"""A VXLAN device as a bridge port: learning off, suppression as asked for."""

import errno
import os
import socket
from contextlib import closing

from evpnd.adapters.netlink.dump import read_link
from evpnd.adapters.netlink.link_requests import (
    link_kind,
    port_head,
    set_link,
    vxlan_port,
)
from evpnd.adapters.netlink.links import (
    IFLA_VXLAN_LEARNING,
)
from evpnd.adapters.netlink.rtnl import (
    NLM_F_ACK,
    RTM_NEWLINK,
    RTM_SETLINK,
    attribute,
    open_socket,
    request,
)


class DeviceRefusedError(Exception):
    """A device could not be made, changed or removed."""

    def __init__(self, device: str, reason: str, errno: int = 0) -> None:
        super().__init__(f"{device}: {reason}")
        self.device = device
        self.reason = reason
        self.errno = errno
        """The kernel's; 0 where it was not asked."""


def configure_vxlan_port(ifindex: int, *, suppress: bool) -> None:
    """Set what evpnd needs of a VXLAN device in a bridge.

    With learning on, a frame from the tunnel that bears a local MAC would move that
    MAC to the tunnel. Raises DeviceRefusedError.
    """
    try:
        link = read_link(ifindex)
        with closing(open_socket()) as sock:
            if link is not None and link.vxlan is not None and link.vxlan.learning:
                off = link_kind("vxlan", attribute(IFLA_VXLAN_LEARNING, b"\0"))
                request(sock, RTM_NEWLINK, NLM_F_ACK, set_link(ifindex, off).body)
            flags = port_head(ifindex) + vxlan_port(suppress=suppress)
            request(sock, RTM_SETLINK, NLM_F_ACK, flags)
    except OSError as error:
        raise DeviceRefusedError(link_name(ifindex), describe(error)) from error


def describe(error: OSError | int) -> str:
    """Return the name and the meaning of an errno."""
    code = error if isinstance(error, int) else error.errno or 0
    return f"{errno.errorcode.get(code, code)}: {os.strerror(code)}"


def link_name(ifindex: int) -> str:
    """Return the name of a link; its index where it is gone."""
    try:
        return socket.if_indextoname(ifindex)
    except OSError:
        return f"link {ifindex}"
