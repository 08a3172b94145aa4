"""Variables in a topology file."""

from pathlib import Path

from lab.tests.unit.parsing import parse


def test_variables_are_the_shells_and_the_magic_ones(tmp_path: Path) -> None:
    node = parse(
        tmp_path,
        """
  nodes:
    a:
      kind: linux
      image: alpine:${VERSION:=3}
      cmd: $CMD
      env: {E: "${EMPTY-is set}", F: "${EMPTY:-is empty}", G: "${CMD:+other}"}
      exec: ["echo __clabNodeName__ $$HOME $UNSET ${UNSET} ${UNSET:=x}"]
      binds: ["__clabNodeDir__/x:/x", "cfg/__clabNodeName__-__clabLabName__:/y"]
""",
        CMD="sleep 1",
        EMPTY="",
    ).nodes["a"]

    assert node.text("image") == "alpine:3"
    assert node.text("cmd") == "sleep 1"
    assert node.env == {"E": "", "F": "is empty", "G": "other"}
    assert node.exec == ["echo a $HOME $UNSET ${UNSET} x"]
    assert [bind.source for bind in node.binds] == [
        tmp_path / "clab-t/a/x",
        tmp_path / "cfg/a-t",
    ]
