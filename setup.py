"""What pyproject.toml cannot say: two things change their place on the way into a wheel.

`dict/` (data; a package of that name would shadow the builtin) becomes `diameter/dicts`, and the endpoint plugin
`diameter/transport/_plugins.py` becomes `twisted/plugins/diameter_transport.py`, where Twisted looks for plugins.
A folder `twisted/` in the checkout would hide Twisted itself from careless tools, so there is none.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

PLUGIN = Path("diameter/transport/_plugins.py")
PLUGIN_IN_WHEEL = Path("twisted/plugins/diameter_transport.py")


class BuildWithPlugin(build_py):
    """`build_py` that puts the endpoint plugin where Twisted finds it, also for an editable install."""

    def run(self) -> None:
        super().run()
        if PLUGIN.exists():
            target = self._root() / PLUGIN_IN_WHEEL
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(PLUGIN), str(target), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        outputs: list[str] = super().get_outputs(include_bytecode)
        if PLUGIN.exists() and not self.editable_mode:
            outputs.append(str(Path(self.build_lib) / PLUGIN_IN_WHEEL))
        return outputs

    def _root(self) -> Path:
        """The folder that becomes the wheel's root; in an editable build `build_lib` is thrown away."""
        if self.editable_mode:
            return Path(self.distribution.get_command_obj("install").install_purelib)
        return Path(self.build_lib)


setup(
    packages=[*find_packages(include=["diameter", "diameter.*", "nfs", "nfs.*"]), "diameter.dicts"],
    package_dir={"diameter.dicts": "dict"},
    package_data={
        "diameter": ["py.typed", "COMPLIANCE.md", "**/*.html", "**/*.j2", "**/*.css", "**/*.js"],
        "diameter.dicts": ["*.dia", "README.md"],
        "nfs": ["py.typed", "**/*.toml"],
    },
    cmdclass={"build_py": BuildWithPlugin},
)
