"""What `pip install loom-studio` promises: the package imports, and it is the version that was built."""

import importlib.metadata
import tomllib
from pathlib import Path

import loom_studio
from loom_studio import _native

WORKSPACE = Path(__file__).parents[3] / "Cargo.toml"


def test_the_version_is_that_of_the_workspace() -> None:
    version = tomllib.loads(WORKSPACE.read_text())["workspace"]["package"]["version"]
    assert loom_studio.__version__ == version
    assert _native.__version__ == version
    assert importlib.metadata.version("loom-studio") == version


def test_every_public_name_exists() -> None:
    assert "__version__" in loom_studio.__all__
    for name in loom_studio.__all__:
        assert hasattr(loom_studio, name)


def test_no_package_is_required() -> None:
    assert importlib.metadata.requires("loom-studio") is None


def test_type_checkers_are_told_to_read_the_annotations() -> None:
    assert Path(loom_studio.__file__).with_name("py.typed").exists()
