"""Makes the secrets of a compose stack, once: a folder for each container, a file for each secret that it may know.

What is there is kept, so that every `docker compose up` may run it again. Needs nothing but Python itself.
"""

import secrets
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final

# The keys that a service has beside its database's password: 32 random bytes each.
KEYS: Final = {
    "enrollment": ("master_key", "dead_letter_key"),
    "scheduling": ("dead_letter_key",),
    "reporting": ("dead_letter_key",),
}


def main(root: Path) -> None:
    """`postgres/` gets every role's password; `<service>/` what it runs with; `<service>-owner/` what migrates it."""
    kept(root / "postgres" / "postgres_password", secrets.token_hex(24))
    for service, keys in KEYS.items():
        running, migrating = root / service, root / f"{service}-owner"
        for name in keys:
            kept(running / f"{service}_{name}", urlsafe_b64encode(secrets.token_bytes(32)).decode())
            (migrating / f"{service}_{name}").unlink(missing_ok=True)  # earlier versions put it there
        kept(running / f"{service}_database_url", url(root, service, service))
        kept(migrating / f"{service}_database_url", url(root, service, f"{service}_owner"))


def url(root: Path, service: str, role: str) -> str:
    """Where a role finds the service's database, with the password that PostgreSQL is told too."""
    password = kept(root / "postgres" / f"{role}_password", secrets.token_hex(24))
    return f"postgresql://{role}:{password}@postgres:5432/{service}"


def kept(path: Path, value: str) -> str:
    """The secret in this file; `value` becomes it where there is none. Whole or not there, whenever this is killed.

    Readable by all: a container's folder is the boundary, and each is mounted into its own alone.
    """
    if path.exists():
        return path.read_text()
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    half_made = path.with_suffix(".new")
    half_made.write_text(value)
    half_made.chmod(0o444)
    half_made.replace(path)
    return value


if __name__ == "__main__":
    main(Path(sys.argv[1]))
