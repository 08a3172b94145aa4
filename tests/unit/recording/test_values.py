"""Values as JSON and back."""

import json
from typing import Any

import pytest

from evpnd.adapters.config import load_config
from evpnd.model.config import Config
from evpnd.model.events import BindingsSnooped, FdbObserved, Heard, NdFlags
from evpnd.model.policy import RouteType, Value
from evpnd.model.rows import FdbRow
from evpnd.recording.values import BadValueError, form_of
from tests.conformance.case import find_cases, read_case


def again(kind: Any, value: object) -> object:  # noqa: ANN401 - an annotation
    form = form_of(kind)
    return form.read(json.loads(json.dumps(form.write(value))))


def test_every_configuration_of_the_cases_comes_back() -> None:
    for folder in find_cases():
        config = load_config(read_case(folder).config)

        assert again(Config, config) == config, folder.name


def test_rows_are_written_without_names() -> None:
    row = FdbRow(True, 5, b"\x02" * 6, 0, 2, 0, b"", vni=7)

    assert form_of(FdbObserved).write(FdbObserved([row])) == {
        "rows": [[True, 5, "020202020202", 0, 2, 0, "", 7, 0]]
    }
    assert again(FdbObserved, FdbObserved([row])) == FdbObserved([row])


def test_a_mapping_may_have_any_keys() -> None:
    heard = Heard(3, b"\x02" * 6, b"\x0a\x00\x00\x01")
    event = BindingsSnooped([heard], {heard: NdFlags(router=True, override=None)})

    assert again(BindingsSnooped, event) == event


def test_a_field_that_is_missing_has_its_default() -> None:
    row = [True, 5, "020202020202", 0, 2, 0, ""]

    assert form_of(FdbRow).read(row) == FdbRow(True, 5, b"\x02" * 6, 0, 2, 0, b"")


@pytest.mark.parametrize(
    ("kind", "wrong", "says"),
    [
        (FdbObserved, {"rows": [], "colour": 1}, "FdbObserved has no colour"),
        (FdbObserved, {}, "FdbObserved lacks rows"),
        (FdbObserved, {"rows": 5}, "5 is no list"),
        (FdbRow, [True], "is no FdbRow"),
        (RouteType, "TEN", "'TEN' is no RouteType"),
        (bytes, "zz", "'zz' is not hexadecimal"),
        (Value, {"Nothing": 1}, "'Nothing' is none of"),
        (NdFlags, [], r"\[\] is no NdFlags"),
    ],
)
def test_what_no_value_is_written_as_is_refused(
    kind: Any,  # noqa: ANN401 - an annotation
    wrong: object,
    says: str,
) -> None:
    with pytest.raises(BadValueError, match=says):
        form_of(kind).read(wrong)
