"""Changes of a route by rules, and their text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evpnd.model.communities import with_sticky
from evpnd.model.community_text import format_community, format_large_community
from evpnd.model.ids import format_route_target
from evpnd.model.policy import Changes, Edit, RouteType, Subject

Change = Callable[[Subject], Subject]


def compile_changes(changes: Changes) -> Change | None:
    """Make the function of what a rule sets; None if it sets nothing."""
    numbers = {
        name: value
        for name in ("local_preference", "med")
        if (value := getattr(changes, name)) is not None
    }
    edits = [
        (name, edit)
        for name in ("communities", "large_communities")
        if (edit := getattr(changes, name)) is not None
    ]
    targets, sticky = changes.route_targets, changes.sticky
    if not (numbers or edits or targets is not None or sticky is not None):
        return None

    def change(subject: Subject) -> Subject:
        fields: dict[str, Any] = dict(numbers)
        for name, edit in edits:
            fields[name] = apply(edit, getattr(subject, name))
        if targets is not None:
            left = apply(targets, subject.route_targets)
            old = frozenset(subject.route_targets)
            others = (c for c in subject.extended_communities if c not in old)
            fields["route_targets"] = left
            fields["extended_communities"] = (*left, *others)
        if sticky is not None and subject.type is RouteType.MAC_IP:
            fields["sticky"] = sticky
            extended = fields.get("extended_communities", subject.extended_communities)
            fields["extended_communities"] = with_sticky(extended, sticky=sticky)
        return subject._replace(**fields)

    return change


def apply(edit: Edit, members: Sequence[bytes]) -> tuple[bytes, ...]:
    """Replace, take away, add: in this order, and nothing twice."""
    left = members if edit.replace is None else edit.replace
    kept = [m for m in left if not any(each.matches(m) for each in edit.remove)]
    return tuple(dict.fromkeys((*kept, *edit.add)))


_LISTS: tuple[tuple[str, str, Callable[[bytes], str]], ...] = (
    ("community", "communities", format_community),
    ("large-community", "large_communities", format_large_community),
    ("route-target", "route_targets", format_route_target),
)


def difference(before: Subject, after: Subject) -> dict[str, object]:
    """Return what was set, in the words of the YAML's `set`."""
    found: dict[str, object] = {}
    if after.local_preference != before.local_preference:
        found["local-preference"] = after.local_preference
    if after.med != before.med:
        found["med"] = after.med
    if after.sticky != before.sticky:
        found["sticky"] = after.sticky
    for word, name, text in _LISTS:
        old, new = getattr(before, name), getattr(after, name)
        edit = {
            "add": [text(each) for each in new if each not in old],
            "remove": [text(each) for each in old if each not in new],
        }
        edit = {what: members for what, members in edit.items() if members}
        if edit:
            found[word] = edit
    return found


def whole_lists(expected: Changes, found: Subject) -> dict[str, object]:
    """Return the whole lists of a route where a case expects whole lists."""
    lists: dict[str, object] = {}
    for word, name, text in _LISTS:
        edit: Edit | None = getattr(expected, name)
        if edit is not None and edit.replace is not None:
            lists[word] = [text(each) for each in getattr(found, name)]
    return lists


def written(changes: Mapping[str, object]) -> str:
    """Write changes, as `words` or `difference` gives them, behind a sentence."""
    return "".join(f", set {word} {_value(value)}" for word, value in changes.items())


def _value(value: object) -> str:
    match value:
        case dict():
            return " ".join(f"{what} {_value(those)}" for what, those in value.items())
        case list():
            return ", ".join(map(str, value)) or "nothing"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def words(changes: Changes) -> dict[str, object]:
    """Write what a rule sets, or a case expects, as the YAML has it."""
    found: dict[str, object] = {
        word: value
        for word, value in (
            ("local-preference", changes.local_preference),
            ("med", changes.med),
            ("sticky", changes.sticky),
        )
        if value is not None
    }
    for word, name, text in _LISTS:
        edit: Edit | None = getattr(changes, name)
        if edit is None:
            continue
        if edit.replace is not None:
            found[word] = [text(each) for each in edit.replace]
            continue
        written: dict[str, list[str]] = {}
        if edit.add:
            written["add"] = [text(each) for each in edit.add]
        if edit.remove:
            written["remove"] = list(edit.removed)
        found[word] = written
    return found
