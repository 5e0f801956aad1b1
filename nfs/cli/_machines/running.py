"""A lab that runs: all made and started, single processes and links ended and brought back, all ended."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from threading import Event, Lock
from typing import IO, Any, Final

from diameter.config import load
from diameter.errors import ConfigError
from nfs.cli._lab import LabError, write_token
from nfs.cli._machines import attaching, spaces, wire
from nfs.cli._machines.config import DATABASE, LabConfig
from nfs.cli._machines.database import READY, Database
from nfs.cli._machines.files import Files, name_of, toml
from nfs.cli._machines.state import FILE, Process, State, began
from nfs.hss.keyfile import new_key

WIRE: Final = "wire"
MARK: Final = ".made-by-mtc-lab"
START_S: Final = 120.0


class RunningLab:
    """The lab of a file.  say: called with a line for each step."""

    def __init__(self, config: LabConfig, folder: Path, say: Callable[[str], object] = lambda _line: None) -> None:
        self.config = config
        self.folder = folder
        self._say = say
        self._lock = Lock()
        self._waiting = Event()  # never set: it is only waited for
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        found = State.read(folder)
        self.state = State(path=folder / FILE) if found is None else found
        self.database: Database | None = None

    # -- up

    def up(self) -> None:
        """Make and start everything, anew.  Raises ConfigError, LabError; then nothing of it is left."""
        if any(process.alive for process in self.state.processes.values()):
            raise ConfigError(f"{self.folder}: this lab is up; mtc lab down ends it")
        self.clean()
        self._prepare()
        done = False
        try:
            self._networks()
            self._files()
            self._database()
            self._functions()
            done = True
        finally:
            if not done:
                self.down()

    def _prepare(self) -> None:
        folder = self.folder
        try:
            if folder.exists():
                if not (folder / MARK).exists():
                    raise ConfigError(f"{folder}: exists and is not a lab's; remove it, or set lab.folder")
                shutil.rmtree(folder)
            folder.mkdir(parents=True, mode=0o700)
            (folder / MARK).touch()
            run = Path(tempfile.mkdtemp(prefix="mtc-lab-"))
            run.chmod(0o711)
        except OSError as error:
            raise ConfigError(f"{folder}: {error.strerror}") from None
        self.state = State(path=folder / FILE, run=str(run))
        self.state.save()

    @property
    def in_spaces(self) -> bool:
        """Whether each machine is a namespace."""
        return bool(self.state.spaces)

    def _networks(self) -> None:
        lab = self.config.lab
        why = "" if lab.network == "loopback" else spaces.lacking()
        if lab.network == "namespaces" and why:
            raise ConfigError(f"lab.network: {why}")
        if lab.network == "loopback" or why:
            shaped = not lab.plain or any(not link.plain for link in self.config.link)
            self._say(f"all machines on loopback{f': {why}' if why else ''}")
            if shaped:
                self._say("delay, jitter and loss are left out: they need namespaces")
            return
        addresses, prefix = self.config.addresses(loopback=False), int(lab.addresses.partition("/")[2])
        machines = {name: {"address": address, "prefix": prefix} for name, address in addresses.items()}
        links = [
            {"between": pair, **self.config.between(*pair).model_dump(include={"delay_ms", "jitter_ms", "loss"})}
            for pair in combinations(self.config.names, 2)
        ]
        places, control = self.folder / "spaces.json", str(Path(self.state.run) / "wire")
        plan = {"socket": control, "spaces": str(places), "seed": 1, "links": links, "machines": machines}
        (self.folder / "wire.json").write_text(json.dumps(plan, indent=1), encoding="utf-8")
        self._say(f"a namespace for each machine: {', '.join(f'{name} {addresses[name]}' for name in machines)}")
        self._launch(WIRE, "", [sys.executable, "-m", "nfs.cli._machines.wire", str(self.folder / "wire.json")])
        self._until_ready([WIRE])
        self.state.spaces = json.loads(places.read_text(encoding="utf-8"))
        self.state.save()

    def _files(self) -> None:
        """Keys, token, and the configuration of each function, all checked before anything is started."""
        config = self.config
        addresses = config.addresses(loopback=not self.in_spaces)
        url = config.database.url or ""
        if config.database.machine is not None:
            address = addresses[config.database.machine]
            self.database = Database(Path(self.state.run), self.folder, address, config.database.settings)
            url = self.database.url
        self._say("certificates and configurations")
        files = Files(config, addresses, url, self._pki())
        write_token(self.folder / "scs.token")
        self._devices(files)
        wrong: list[str] = []
        for kind, machine in config.instances():
            path = self.folder / f"{name_of(kind, machine)}.toml"
            path.write_text(toml(files.file(kind, machine)), encoding="utf-8")
            wrong += _wrong(kind, path)
        if wrong:
            raise ConfigError(*wrong)

    def _devices(self, files: Files) -> None:
        """The subscribers; those that attach with keys, which nobody else may read."""
        found = None
        if self.config.lab.s6c:
            found = attaching.keys(self.config.lab)
            new_key(self.folder / attaching.KEY)
            usims = self.folder / attaching.CARDS
            usims.touch(mode=0o600)
            usims.write_text(attaching.cards(found), encoding="utf-8")
            (self.folder / attaching.SCENARIO).write_text(toml(attaching.scenario(self.config.lab)), encoding="utf-8")
        devices = self.folder / "devices.csv"
        devices.touch(mode=0o600)
        devices.write_text(files.devices(found), encoding="utf-8")

    def _pki(self) -> str:
        from diameter.security.pki import Pki

        config, folder = self.config, self.folder / "pki"
        if config.pki.folder is None:
            pki = Pki.init(folder, name="MTC lab CA", days=config.pki.days)
        else:
            folder = self.folder.parent / config.pki.folder
            pki = Pki(folder)
        files = Files(config, {}, "", "")
        for kind in ("mtc-iwf", "scs"):
            for _, machine in config.instances(kind):
                host = files.host(kind, machine)
                pki.issue(host, f"aaa://{host}", days=config.pki.days)
        return str(folder)

    def _database(self) -> None:
        if self.database is not None:
            self._say("database")
            self.database.make()
            self.start(DATABASE)
        (_, machine), *_ = self.config.instances("hss")
        words = ["subscriber", "import", str(self.folder / "devices.csv")]
        command = [sys.executable, "-m", "nfs.cli", *words, "-c", str(self.folder / f"hss-{machine}.toml")]
        done = subprocess.run(
            [*spaces.inside(self.state.space(machine)), *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        if done.returncode:
            raise LabError(f"devices: {done.stderr.strip()}")

    def _functions(self) -> None:
        """All at once: whoever is there first dials until the others are."""
        self._say(f"starting {', '.join(name for name in self.names if name != DATABASE)}")
        self.start(*(name_of(*each) for each in self.config.instances()))

    # -- single ones

    @property
    def names(self) -> list[str]:
        """What may be killed and started: the database, where it is the lab's, and the functions."""
        own = [DATABASE] if self.config.database.machine is not None else []
        return own + [name_of(*each) for each in self.config.instances()]

    def start(self, *names: str) -> None:
        """Start these beside each other, and return when all are ready.  Raises LabError."""
        for name in names:
            if name == DATABASE:
                self._start_database()
                continue
            kind, _, machine = name.rpartition("-")
            command = ["-m", "nfs.cli", "run", kind, "-c", str(self.folder / f"{name}.toml")]
            self._launch(name, machine, [sys.executable, *command])
        self._until_ready([name for name in names if name != DATABASE])

    def restart(self, name: str) -> None:
        """Start one again for as long as it takes, as what watches over services does: the database may be away."""
        until = time.monotonic() + START_S
        while True:
            try:
                return self.start(name)
            except LabError:
                if time.monotonic() > until:
                    raise
            self._waiting.wait(0.5)

    def _start_database(self) -> None:
        assert self.database is not None
        self.database.tidy()
        self._launch(DATABASE, self.config.database.machine or "", self.database.command())
        self._until_ready([DATABASE])

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End one process without a word, or by another signal; returns when it is gone.  Raises LabError."""
        process = self.state.processes.get(name)
        if process is None or name not in self.names:
            raise ConfigError(f"{name}: not in this lab, which has {', '.join(self.names)}")
        if not process.send(number):
            raise LabError(f"{name} is not running")
        if not process.gone(30.0):
            raise LabError(f"{name} has not ended after 30 s")
        self._reap(name)

    def links(self, wanted: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The state of all links, after one was set.  Raises ConfigError without a network of the lab's own."""
        if not self.in_spaces:
            raise ConfigError("links can be cut and shaped where machines are namespaces: as root, lab.network")
        if wanted is not None:
            unknown = [name for name in wanted["between"] if name not in self.config.names]
            if unknown:
                raise ConfigError(f"{unknown[0]}: no machine of this lab, which has {', '.join(self.config.names)}")
        try:
            return wire.ask(str(Path(self.state.run) / "wire"), wanted or {})
        except OSError as error:
            raise LabError(f"the network of this lab is not running: {error}") from None

    def attach(self) -> None:
        """Get ready to start single processes of a lab that is up.  Raises ConfigError when it is not."""
        if not any(process.alive for process in self.state.processes.values()):
            raise ConfigError(f"{self.folder}: this lab is not up; mtc lab up starts it")
        if self.config.database.machine is not None:
            address = self.config.addresses(loopback=not self.in_spaces)[self.config.database.machine]
            self.database = Database(Path(self.state.run), self.folder, address, self.config.database.settings)

    # -- down

    def down(self) -> list[str]:
        """End everything, the last started first; what is to be said of those that did not end by themselves."""
        order = [name for name in reversed(self.state.processes) if name not in (DATABASE, WIRE)]
        for name in order:
            self.state.processes[name].send(signal.SIGTERM)
        bad = [line for name in [*order, DATABASE, WIRE] if name in self.state.processes and (line := self._end(name))]
        self.clean()
        return bad

    def _end(self, name: str) -> str:
        line = self.state.stop(name)
        self._reap(name)
        return line

    def clean(self) -> None:
        """Take away what a lab leaves, however it ended: processes, namespaces, the data of its database."""
        for name, process in self.state.processes.items():
            if process.send(signal.SIGKILL):
                process.gone(5.0)
            self._reap(name)
        spaces.end_all(each["link"] for each in self.state.spaces.values())
        if self.state.run:
            shutil.rmtree(self.state.run, ignore_errors=True)
        if self.state.path.exists():
            self.state.path.unlink()
        self.state.processes.clear()
        self.state.spaces, self.state.run = {}, ""

    # -- processes

    def _launch(self, name: str, machine: str, command: Sequence[str]) -> None:
        self._reap(name)
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            begin = out.tell()
            child = subprocess.Popen(
                [*spaces.inside(self.state.space(machine)), *command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/",
            )  # fmt: skip
        with self._lock:
            before = self.state.processes.get(name)
            starts = 1 if before is None else before.starts + 1
            self._children[name] = child
            self.state.processes[name] = Process(child.pid, began(child.pid), machine, starts=starts)
            self.state.processes[name].ready = f"@{begin}"
            self.state.save()

    def _until_ready(self, names: Iterable[str]) -> None:
        until = time.monotonic() + START_S
        for name in names:
            process, log = self.state.processes[name], self.folder / f"{name}.log"
            begin = int(process.ready.removeprefix("@"))
            while not (line := _ready_line(name, log, begin)):
                if not process.alive:
                    raise LabError(f"{name} ended: see {log}\n{_tail(log, 5)}")
                if time.monotonic() > until:
                    raise LabError(f"{name} was not ready after {START_S:g} s: see {log}")
                self._waiting.wait(0.05)
            with self._lock:
                process.ready = line
                self.state.save()

    def _reap(self, name: str) -> None:
        child = self._children.pop(name, None)
        if child is not None:
            child.wait()


def _ready_line(name: str, log: Path, begin: int) -> str:
    """What a process has said since `begin` when it was ready; "" when it was not."""
    with log.open("rb") as said:
        said.seek(begin)
        lines = _lines(said)
    wanted = READY if name == DATABASE else f"{name.rpartition('-')[0] or name} ready"
    return next((line for line in lines if wanted in line), "")


def _lines(said: IO[bytes]) -> list[str]:
    return said.read().decode("utf-8", errors="replace").split("\n")[:-1]  # the last one is not whole yet


def _tail(log: Path, count: int) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


def _wrong(kind: str, path: Path) -> list[str]:
    """What is wrong with the configuration of a function."""
    from nfs.cli.config import model_of

    try:
        load(path, model_of(kind, str(path)))
    except ConfigError as error:
        return list(error.lines)
    return []
