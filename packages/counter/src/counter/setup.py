"""Making a home: enrollment is asked first, so that nothing half made is left when it is away."""

from dataclasses import asdict, replace
from typing import Any

import httpx
from pydantic import TypeAdapter, ValidationError

from contracts.types import Campaign, Kind, Label
from counter.device import DeviceKey
from counter.enrollment import Enrollment
from counter.errors import EnrollmentUnavailable, NotSetUp
from counter.files import sync_folder
from counter.home import Home, Setup
from counter.queue import Queue
from counter.seal import Recipient
from counter.transport import check_servers


async def set_up(
    home: Home, setup: Setup, http: httpx.AsyncClient | None, *, token: str | None = None, code: str | None = None
) -> None:
    """Ask for the campaign, register the device, fetch the keys, then write the home with `setup.json` last.

    Repeating it with the same arguments is fine, and registers again should enrollment have forgotten; an address of
    Kafka that is not given is not compared. Raises `NotSetUp`.
    """
    _check(setup)
    repeated = home.is_set_up
    if repeated:
        setup = _same(home, setup)
    # A key that a crash left behind is used: it may be registered already.
    has_key = repeated or home.device_key.exists()
    device = DeviceKey.load(home.device_key) if has_key else DeviceKey.generate()
    enrollment = Enrollment(setup.enrollment, http, token, code)
    try:
        setup = replace(setup, clock=await enrollment.clock(setup.campaign))
        await enrollment.register(setup, device)
        keyset = await enrollment.keyset()
        Recipient.newest(keyset)
    except EnrollmentUnavailable as error:
        raise NotSetUp(str(error)) from None
    except (KeyError, ValueError):
        raise NotSetUp(f"enrollment at {setup.enrollment} gave no key to seal to") from None
    try:
        if repeated:
            home.keep_keyset(keyset)
            home.keep_setup(setup)
        else:
            _write(home, setup, device, keyset)
    except OSError as error:
        raise NotSetUp(f"{home.folder} cannot be written: {error.strerror}") from None


def _write(home: Home, setup: Setup, device: DeviceKey, keyset: dict[str, Any]) -> None:
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.close_to_others()
    with home.alone("init"):
        if not home.device_key.exists():
            device.save(home.device_key)
        elif DeviceKey.load(home.device_key).public != device.public:
            raise NotSetUp(f"another `counter init` was at work in {home.folder}: run it again")
        home.keep_keyset(keyset)
        Queue(home.queue_file, create=True).close()
        sync_folder(home.folder)
        home.keep_setup(setup)


def _check(setup: Setup) -> None:
    for name, contract in (("campaign", Campaign), ("kind", Kind), ("place", Label)):
        try:
            TypeAdapter[Any](contract).validate_python(getattr(setup, name))
        except ValidationError:
            rule = "a word as malang-2024" if name == "campaign" else "short text without 16 digits in a row"
            raise NotSetUp(f"--{name} must be {rule}") from None
    if setup.kafka is not None:
        check_servers(setup.kafka)
    if not setup.enrollment.startswith(("http://", "https://")):
        raise NotSetUp("--enrollment must be an address as http://127.0.0.1:8001")


def _same(home: Home, asked: Setup) -> Setup:
    present = home.setup()
    asked = replace(asked, kafka=asked.kafka or present.kafka, clock=present.clock)
    differ = [name for name, value in asdict(present).items() if value != getattr(asked, name)]
    if differ:
        raise NotSetUp(
            f"{home.folder} is a counter already, set up with another {', '.join(differ)} "
            f"({', '.join(str(getattr(present, name)) for name in differ)}): use another --home for another counter"
        )
    return present
