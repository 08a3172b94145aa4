"""Variables in a topology file."""

from pathlib import Path

from lab.tests.unit.conftest import Parse


def test_variables_are_the_shells_and_the_magic_ones(
    parse: Parse, tmp_path: Path
) -> None:
    node = parse(
        """
name: t
topology:
  nodes:
    a:
      kind: linux
      image: alpine:${VERSION:=3}
      cmd: $CMD
      env: {E: "${EMPTY-is set}", F: "${EMPTY:-is empty}", G: "${CMD:+other}"}
      exec: ["echo __clabNodeName__ $$HOME $UNSET ${UNSET} ${UNSET:=x}"]
      binds: ["cfg/__clabNodeName__-__clabLabName__:/y"]
""",
        CMD="sleep 1",
        EMPTY="",
    ).nodes["a"]

    assert node.text("image") == "alpine:3"
    assert node.text("cmd") == "sleep 1"
    assert node.env == {"E": "", "F": "is empty", "G": "other"}
    assert node.exec == ["echo a $HOME $UNSET ${UNSET} x"]
    assert node.binds["/y"].source == tmp_path / "cfg/a-t"
