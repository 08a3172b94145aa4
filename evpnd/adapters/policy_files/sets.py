"""The named sets of a policy file, and the lists of rules that refer to them."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from evpnd.adapters.policy_files import schema
from evpnd.adapters.policy_files.values import Item, Reference, WrittenEdit
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.values import did_you_mean, text
from evpnd.model.policy import Changes, Edit, Masked

ReadT = TypeVar("ReadT")


class Sets:
    """Looks sets up, and notes what is wrong with them and which are used."""

    def __init__(self, file: schema.PolicyFile, findings: Findings) -> None:
        """Store the sets of a file of sound shape."""
        self._sets = file.sets
        self._findings = findings
        written = findings.document.section("sets")
        self._written = written if isinstance(written, dict) else {}
        self.used: set[str] = set()

    def members(
        self, name: str, what: str, read: Callable[[object], ReadT], place: KeyPath
    ) -> Iterator[ReadT]:
        """Read the members of a set as a key that refers to it at a place does.

        `read` raises ValueError with a sentence for a member that the key cannot take.
        """
        if name not in self._sets:
            if name not in self._written:  # else its own error is told
                self._unknown(name, place)
            return
        self.used.add(name)
        for at, member in enumerate(self._sets[name]):
            try:
                if isinstance(member, str) and member.startswith("$"):
                    raise ValueError(  # noqa: TRY301 - noted like the others
                        f"{member}: a set holds values, not other sets"
                    )
                yield read(member)
            except ValueError as error:
                self._findings.add(
                    ("sets", name, at), f"as {what}, which refers to it: {error}"
                )

    def _unknown(self, name: str, place: KeyPath) -> None:
        if not name:
            self._findings.add(place, "$ stands before the name of a set; add it")
            return
        meant = did_you_mean(name, self._sets)
        known = (
            f"known: {', '.join(map('${}'.format, self._sets))}"
            if self._sets
            else f"add `sets: {{{name}: [...]}}`"
        )
        self._findings.add(
            place,
            f"no set is named {describe(name)}; "
            f"{f'did you mean ${meant}?' if meant else known}",
        )

    def changes(self, section: schema.Set, place: KeyPath) -> Changes:
        """Turn what a rule sets, or a case expects to be set, into a value."""
        return Changes(
            local_preference=section.local_preference,
            med=section.med,
            sticky=section.sticky,
            communities=self._edit(section.community, "community", place),
            large_communities=self._edit(
                section.large_community, "large-community", place
            ),
            route_targets=self._edit(section.route_target, "route-target", place),
        )

    def _edit(
        self, written: WrittenEdit | None, what: str, place: KeyPath
    ) -> Edit | None:
        if written is None:
            return None
        one, patterns = written.reader

        def each(items: tuple[Item, ...], read: Callable[[str], ReadT]) -> list[ReadT]:
            found: list[ReadT] = []
            for item in items:
                if isinstance(item, Reference):
                    here = (*place, what)
                    found += self.members(
                        item.name, what, lambda member: read(text(member)), here
                    )
                else:
                    found.append(read(item))
            return found

        if written.replace is not None:
            return Edit(replace=tuple(each(written.replace, one)))
        removed: list[tuple[str, tuple[Masked, ...]]] = each(
            written.remove, lambda word: (word, patterns(word))
        )
        return Edit(
            add=tuple(each(written.add, one)),
            remove=tuple(masked for _, several in removed for masked in several),
            removed=tuple(word for word, _ in removed),
        )
