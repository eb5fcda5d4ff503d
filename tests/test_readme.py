"""The README's code prints what the README says it prints, and its commands are where readers and CI look."""

import contextlib
import importlib
import io
import re
import runpy
import sys
from functools import reduce
from pathlib import Path

import pytest

import minilaplace

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PRINTED = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, flags=re.DOTALL)


def test_code_prints_what_stands_below_it():
    names = {}  # a block may use what those above it have made
    for code, printed in PRINTED:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "README.md", "exec"), names)
        assert out.getvalue() == printed


def test_every_python_block_is_followed_by_its_output():
    assert len(PRINTED) == README.count("```python\n") >= 2


def test_the_first_two_shell_blocks_hold_one_command_line_each():
    first, second = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)[:2]
    assert first.count("\n") == second.count("\n") == 1
    assert first.rstrip().endswith("-m minilaplace")
    assert second.rstrip().endswith("-m pytest")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "tests/benchmarks",
            ["--quick", "columns `peer` and `ratio` are empty where laplace-torch is not installed"],
        ),
        ("tests/classifiers.py", ["--splits", "minus the log likelihood"]),
        ("tests/links.py", ["Kullback-Leibler"]),
        ("tutorials/experiment.py", ["--quick", "--out"]),
    ],
)
def test_the_commands_that_print_its_tables_have_help_and_start_no_work(script, words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.syspath_prepend(ROOT / Path(script).parent)
    is_module = (ROOT / script).is_dir()
    run, what = (runpy.run_module, Path(script).name) if is_module else (runpy.run_path, str(ROOT / script))
    with pytest.raises(SystemExit) as end:
        run(what, run_name="__main__")
    assert end.value.code == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(word in out for word in ["usage:", *words])


def test_the_benchmarks_say_why_a_column_is_empty(monkeypatch, capsys):
    benchmarks = importlib.import_module("benchmarks.__main__")
    monkeypatch.setattr(benchmarks, "find_spec", lambda name: None)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmarks, "alone", stop)  # the first measurement
    for options, why in [([], "not installed: pip install laplace-torch"), (["--quick"], "left out by --quick")]:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *options])
        with pytest.raises(KeyboardInterrupt):
            benchmarks.main()
        assert f"peer and ratio are empty, as laplace-torch is {why}\n" in capsys.readouterr().out


def test_every_quantity_names_an_object_that_exists_and_is_explained():
    table = README.split("| quantity | on one page | here |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(table) >= 45
    for row in table:
        _, _, page, here, _ = row.split("|")
        on_page, in_rooms = (re.findall(r"`(\w+)\.([\w.]+)`", cell) for cell in (page, here))
        assert in_rooms, row
        assert {room for room, _ in on_page} <= {"one_page"}, row
        for room, names in on_page + in_rooms:
            value = reduce(getattr, names.split("."), importlib.import_module(f"minilaplace.{room}"))
            assert isinstance(value, dict) or (callable(value) or isinstance(value, property)), row
            assert isinstance(value, dict) or value.__doc__, row


def test_what_to_look_at_when_in_doubt_is_there_and_explained():
    table = README.split("| worry | ask | what the answer says |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(table) >= 12
    for row in table:
        _, _, ask, _, _ = row.split("|")
        asked = re.findall(r"`([A-Za-z_]+)\.(\w+)`", ask)
        assert asked, row
        for owner, name in asked:
            owner = minilaplace.Laplace if owner == "Laplace" else importlib.import_module(f"minilaplace.{owner}")
            assert getattr(owner, name).__doc__, row


def test_what_the_map_says_a_room_holds_is_there():
    heading = re.escape("| room | words of the post | what lives there |")
    rows = [
        row
        for table in re.findall(rf"^{heading}\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
        for row in table.splitlines()
    ]
    assert len(rows) == 15
    for row in rows:
        room, _, holds = row.strip("| ").split(" | ")
        path = ROOT / "minilaplace" / room.strip("`")
        text = "".join(p.read_text("utf-8") for p in ([path] if path.is_file() else sorted(path.glob("*.py"))))
        for name in re.findall(r"`(\w+)`", holds):
            assert re.search(rf"\b{name}\b", text), (room, name)
        for name in re.findall(r"`(\w+\.py)`", holds):
            assert (path / name).exists(), (room, name)


def test_its_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) >= 4
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_every_row_of_the_comparison_names_a_test_that_exists():
    rows = README.split("| minilaplace | test |\n")[1].split("\n\n")[0].splitlines()[1:]
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert len(rows) >= 20
    for row in rows:
        *_, name = re.findall(r"`(\w+)`", row)
        assert row.count("|") == 7
        assert f"\ndef {name}(" in tests
