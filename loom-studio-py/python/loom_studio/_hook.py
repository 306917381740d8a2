"""What `loom_studio_hook.pth` runs when Python starts with `LOOM_STUDIO_ENABLED=true`: waits for the first `import loom`, then installs.

Nothing here imports more than Python has imported already, so a process that never uses Loom pays for one finder that compares a name.
"""

import sys


class _OnLoom:
    """A finder that finds nothing and is gone after the first `import loom`."""

    def find_spec(self, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
        if fullname != "loom":
            return None
        try:
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            from loom_studio._install import install

            install()
        except Exception:
            _log()
        return None


def _log() -> None:
    try:
        from loom_studio._log import logger

        logger.debug("installing at the first import of loom failed", exc_info=True)
    except Exception:  # A broken installation of this package must not break the program.
        pass


def start() -> None:
    """Wait for Loom. Safe to be called again."""
    if not any(isinstance(finder, _OnLoom) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OnLoom())
