"""The pages: what each asks for, and what it shows."""

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from evpnd.adapters.control.requests import ADDRESS, KINDS, normal_filter
from evpnd.web import search
from evpnd.web.daemons import Daemon, Question, Row
from evpnd.web.fabric import View, fabric
from evpnd.web.findings import find, shortened, worst
from evpnd.web.looking import Looking
from evpnd.web.picture import NARROW, WIDE, Picture, draw
from evpnd.web.rendering import Templates
from evpnd.web.text import path
from evpnd.written import rank

LATEST: Final = 8
"""Events on the page of the fabric."""
LEVELS: Final = ("debug", "info", "warning", "error")
ALL_EVENTS: Final = 1000
LARGE: Final = 10_000
"""MACs behind a VTEP from which on its story is told when it is asked for."""

_NAMES_AGE: Final = 300.0
"""Seconds for which the names of policies are known to the search."""
_STATE_AGE: Final = 15.0
"""Seconds that the mark of the state may lag on pages that need no such tables."""
_QUICK, _SLOW = 3, 10
"""Seconds after which a page looks again; slow is what costs the daemon more."""


class Pages:
    """Answers with HTML."""

    def __init__(self, daemons: Sequence[Daemon], templates: Templates) -> None:
        """Store whom to ask."""
        self._daemons = daemons
        self._templates = templates

    def routes(self) -> list[Route]:
        """Return the pages by their paths."""
        pages: dict[str, Callable[[Request], Response]] = {
            "/": self.fabric,
            "/evis": self.evis,
            "/evi/{vni:int}": self.evi,
            "/vteps": self.vteps,
            "/vtep/{address}": self.vtep,
            "/where/{address}": self.where,
            "/peers": self.peers,
            "/peer/{address}": self.peer,
            "/policies": self.policies,
            "/events": self.events,
            "/search": self.search,
        }
        return [Route(path, page) for path, page in pages.items()]

    def missing(self, request: Request, sentence: str) -> Response:
        """Answer that there is no such thing."""
        look = Looking(request, self._daemons)
        return self._page(look, "missing.html", 404, sentence=sentence)

    def fabric(self, request: Request) -> Response:
        """Show the fabric: numbers, picture, findings and the latest events."""
        look = Looking(request, self._daemons)
        views = look.views()
        found = [
            each._replace(host=view.name)
            for view in views
            for each in find(view.peers, view.evis, view.vteps)
        ]
        found.sort(key=lambda each: -each.finding.level)
        return self._page(
            look,
            "fabric.html",
            numbers=_numbers(views),
            pictures=_pictures(views, None),
            found=shortened(found),
            latest=look.events(LATEST),
        )

    def evis(self, request: Request) -> Response:
        """Show all EVIs."""
        look = Looking(request, self._daemons)
        rows = sorted(look.table("evis").rows, key=lambda row: int(row["vni"]))
        return self._page(look, "evis.html", part=look.cut(rows))

    def evi(self, request: Request) -> Response:
        """Show one EVI: its state, who has it, its MACs or bindings."""
        look = Looking(request, self._daemons)
        vni = int(request.path_params["vni"])
        evis = look.table("evis")
        row = next((row for row in evis.rows if row["vni"] == vni), None)
        if row is None and not look.troubles:
            sentence = f"{look.daemon.name} has no EVI with VNI {vni}"
            return self.missing(request, sentence)
        what = "neighbors" if look.query.get("show") == "neighbors" else "macs"
        kind = look.query.get("kind")
        filters = {"kind": kind} if kind in KINDS else {}
        part, answer = look.part(what, vni=vni, **filters)
        return self._page(
            look,
            "evi.html",
            vni=vni,
            evi=row,
            what=what,
            kind=filters.get("kind"),
            part=part,
            answer=answer,
            pictures=_pictures(look.views(_STATE_AGE), vni),
        )

    def vteps(self, request: Request) -> Response:
        """Show the remote VTEPs."""
        look = Looking(request, self._daemons)
        rows = sorted(look.table("vteps").rows, key=lambda row: rank(row["vtep"]))
        return self._page(look, "vteps.html", part=look.cut(rows))

    def vtep(self, request: Request) -> Response:
        """Show a VTEP: its story, and the MACs behind it."""
        look = Looking(request, self._daemons)
        address = _address(request)
        if address is None:
            return self.missing(request, "a VTEP is an IP address")
        vteps = look.table("vteps").rows
        part, answer = look.part("macs", vtep=address)
        # The kernel reads its whole FDB for a flood list.
        asked = part.total <= LARGE or "why" in look.query
        question: Question = {"command": "explain", "what": "vtep", "value": address}
        return self._page(
            look,
            "vtep.html",
            slow=True,
            address=address,
            vtep=next((row for row in vteps if row["vtep"] == address), None),
            part=part,
            answer=answer,
            story=look.ask(question) if asked else None,
        )

    def where(self, request: Request) -> Response:
        """Show where a MAC or an IP is, and why."""
        look = Looking(request, self._daemons)
        given = str(request.path_params["address"])
        named = _named(given)
        if named is None:
            return self.missing(request, f"{given} is neither a MAC nor an IP address")
        kind, address = named
        question: Question = {"command": "explain", "what": kind, "value": address}
        vni = look.query.get("vni", "")
        if vni.isascii() and vni.isdigit() and len(vni) < 9:
            question["vni"] = int(vni)
        peers, vteps = look.table("peers").rows, look.table("vteps").rows
        return self._page(
            look,
            "where.html",
            slow=True,
            address=address,
            story=look.ask(question),
            is_peer=any(row["address"] == address for row in peers),
            is_vtep=any(row["vtep"] == address for row in vteps),
        )

    def peers(self, request: Request) -> Response:
        """Show the peers with their findings."""
        look = Looking(request, self._daemons)
        rows = sorted(look.table("peers").rows, key=lambda row: rank(row["address"]))
        return self._page(
            look, "peers.html", part=look.cut(rows), found=shortened(find(rows))
        )

    def peer(self, request: Request) -> Response:
        """Show one peer."""
        look = Looking(request, self._daemons)
        address = str(request.path_params["address"])
        rows = [r for r in look.table("peers").rows if r["address"] == address]
        if not rows and not look.troubles:
            return self.missing(request, f"{look.daemon.name} has no peer {address}")
        vteps = look.table("vteps").rows
        behind = [v for v in vteps if address in (v.get("peers") or [v["peer"]])]
        return self._page(
            look,
            "peer.html",
            address=address,
            peer=rows[0] if rows else None,
            found=shortened(find(rows)),
            behind=look.cut(sorted(behind, key=lambda row: rank(row["vtep"]))),
        )

    def policies(self, request: Request) -> Response:
        """Show the policies, rule by rule, with their counts."""
        look = Looking(request, self._daemons)
        rows = look.table("policies").rows
        of: dict[str, list[Row]] = {}
        for row in sorted(rows, key=lambda row: (row["policy"], row["number"])):
            of.setdefault(str(row["policy"]), []).append(row)
        return self._page(look, "policies.html", slow=True, policies=of)

    def events(self, request: Request) -> Response:
        """Show the events, newest first."""
        look = Looking(request, self._daemons)
        least = look.query.get("level", "")
        wanted = LEVELS[LEVELS.index(least) :] if least in LEVELS else LEVELS
        name = look.query.get("event", "")
        rows = look.table("events", limit=ALL_EVENTS).rows
        of_level = [row for row in rows if row["level"] in wanted]
        shown = [row for row in of_level if name in ("", row["event"])]
        return self._page(
            look,
            "events.html",
            level=least,
            event=name,
            names=Counter(row["event"] for row in of_level).most_common(12),
            part=look.cut(shown[::-1]),
        )

    def search(self, request: Request) -> Response:
        """Lead to what a word names."""
        look = Looking(request, self._daemons)
        word = look.query.get("q", "").strip()
        page = search.page_of_address(word)
        if page is None:
            peers, evis = look.table("peers").rows, look.table("evis").rows
            # Counting for policies takes the daemon as long as all its routes.
            policies = look.ask(
                {"command": "show", "what": "policies"}, _NAMES_AGE
            ).rows
            hits = search.hits(word, peers, evis, policies) if word else []
            if len(hits) != 1:
                status = 200 if hits or not word else 404
                return self._page(look, "search.html", status, word=word, hits=hits)
            page = hits[0].page
        elif any(
            path("vtep", r["vtep"]) == _vtep(page) for r in look.table("vteps").rows
        ):
            page = _vtep(page)
        page, hash_, anchor = page.partition("#")
        return RedirectResponse(page + look.host + hash_ + anchor, 302)

    def _page(
        self,
        look: Looking,
        template: str,
        status: int = 200,
        *,
        slow: bool = False,
        **values: Any,  # noqa: ANN401 - what a template shows
    ) -> HTMLResponse:
        if look.unknown:
            template, status = "missing.html", 404
            known = ", ".join(each.name for each in look.daemons)
            values["sentence"] = f"no host {look.unknown} is asked; known: {known}"
        if look.troubles and look.at is None:
            status = 503
        state = "away" if look.troubles else _state(look.views(_STATE_AGE))
        seconds = _SLOW if slow else _QUICK
        html = self._templates.render(
            template, look=look, refresh=seconds, state=state, **values
        )
        return HTMLResponse(html, status)


def _vtep(page: str) -> str:
    return page.replace("/where/", "/vtep/", 1)


def _named(text: str) -> tuple[str, str] | None:
    """Return the kind of an address, as the daemon is asked, in normal form."""
    for form, kind in (("mac", "mac"), ("ip", ADDRESS)):
        with contextlib.suppress(ValueError):
            return kind, normal_filter(form, text)
    return None


def _address(request: Request) -> str | None:
    try:
        return normal_filter("ip", str(request.path_params["address"]))
    except ValueError:
        return None


def _pictures(views: Sequence[View], vni: int | None) -> list[tuple[str, Picture]]:
    """Return the picture for a screen and for a phone."""
    drawn = fabric(views, vni)
    return [("wide", draw(drawn, WIDE)), ("narrow", draw(drawn, NARROW))]


def _numbers(views: Sequence[View]) -> dict[str, tuple[int, int | None, str]]:
    """Return the numbers of the page's head: how many, of how many, and their page."""
    peers = [row for view in views for row in view.peers]
    evis = [row for view in views for row in view.evis]
    up = sum(row["state"] == "established" for row in peers)
    ready = sum(row["state"] == "ready" for row in evis)
    vteps = {row["vtep"] for view in views for row in view.vteps}
    vteps |= {row["vtep"] for row in evis if row["vtep"]}
    return {
        "sessions up": (up, len(peers), "/peers"),
        "EVIs ready": (ready, len(evis), "/evis"),
        "VTEPs": (len(vteps), None, "/vteps"),
        "local MACs": (sum(row["local_macs"] for row in evis), None, "/evis"),
        "remote MACs": (sum(row["remote_macs"] for row in evis), None, "/evis"),
        "routes received": (
            sum(row["routes_received"] for row in peers),
            None,
            "/peers",
        ),
    }


def _state(views: Sequence[View]) -> str:
    """Return `away`, or how bad the worst finding of all hosts is."""
    if any(view.away for view in views):
        return "away"
    tables = ((view.peers, view.evis, view.vteps) for view in views)
    return worst([each for three in tables for each in find(*three)])
