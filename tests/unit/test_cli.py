"""The command line: quick to start, one clear message and an honest exit code when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from navisplit import __version__
from navisplit.cli import main as cli
from navisplit.errors import ModelError, UsageError


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )


def test_help_lists_every_command_and_loads_nothing_heavy():
    code = "import sys; from navisplit.cli.main import main; code = main(['--help']); "
    code += "print('LOADED', sorted({'torch', 'numba', 'rclpy', 'trimesh', 'plotly', 'cv2'} & set(sys.modules)), code)"
    done = run("-c", code)
    assert "LOADED [] 0" in done.stdout
    for name in ("fly", "sim", "world", "evaluate", "compare", "collect", "train", "branches", "doctor"):
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("name", cli.COMMAND_MODULES)
def test_every_command_explains_itself(name, capsys):
    assert cli.main([name, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["fli"], ["fly", "--wrold", "x"], ["fly", "--route", "x"], ["fly", "--goal", "1"]]
)
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    assert cli.main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def app_that_fails(monkeypatch):
    def install(error: BaseException) -> None:
        def build() -> typer.Typer:
            app = typer.Typer(pretty_exceptions_enable=False)

            @app.command()
            def fail() -> None:
                raise error

            return app

        monkeypatch.setattr(cli, "build_app", build)

    return install


@pytest.mark.parametrize(("error", "code"), [(ModelError("it is foreign"), 1), (UsageError("no such branch"), 2)])
def test_a_named_error_is_one_message_and_its_exit_code(app_that_fails, capsys, error, code):
    app_that_fails(error)
    assert cli.main([]) == code
    assert capsys.readouterr().err == f"navisplit: {error}\n"


def test_a_developer_can_see_the_traceback(app_that_fails, monkeypatch):
    app_that_fails(ModelError("it is foreign"))
    monkeypatch.setenv("NAVISPLIT_DEBUG", "1")
    with pytest.raises(ModelError):
        cli.main([])


def test_a_mistake_of_ours_is_not_hidden(app_that_fails):
    app_that_fails(ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError):
        cli.main([])


def test_ctrl_c_is_not_success(app_that_fails):
    app_that_fails(KeyboardInterrupt())
    assert cli.main([]) != 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--world", "forst"], "Did you mean 'forest'"),
        (["--route", "9999"], "no route 9999"),
        (["--port", "0"], "65535"),
        (["--link", "wify-far"], "Did you mean 'wifi-far'"),
    ],
)
def test_fly_refuses_bad_input_before_anything_starts(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["fly", *arguments]) in (1, 2)
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_fly_offers_every_argument_of_the_graph():
    from navisplit.arguments import ARGUMENTS

    command = typer.main.get_command(cli.build_app()).commands["fly"]
    assert {p.name for p in command.params} - {"json_output", "help", "side"} == {a.name for a in ARGUMENTS}
