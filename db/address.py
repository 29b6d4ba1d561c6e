"""Where a database is: its address, the files behind it, and how it may be shown."""

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError


def parse_url(url: str | URL) -> URL:
    """Read an address and choose the driver.

    Raises:
        ValueError: Not an address, or not of a database that is supported.
    """
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ValueError("database: not an address; write sqlite:///FILE or postgresql://HOST/NAME") from error
    backend = address.get_backend_name()
    if backend == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ValueError(f"database: {backend} is not supported; write sqlite:///FILE or postgresql://HOST/NAME")
    if not address.database or address.database == ":memory:":
        raise ValueError("database: an SQLite database needs a file; write sqlite:///FILE")
    return address.set(drivername="sqlite", database=str(Path(address.database).expanduser().absolute()))


def sqlite_files(url: str | URL) -> tuple[Path, Path]:
    """Return the two files of an SQLite database: core and identity."""
    core = Path(parse_url(url).database or "")
    return core, core.with_name(f"{core.stem}-identity{core.suffix or '.sqlite'}")


def without_password(url: URL) -> str:
    """Write an address as it may be shown."""
    return url.render_as_string(hide_password=True)


def secrets_removed(text: str, url: URL) -> str:
    """Take the password out of a driver's message, as written and as quoted in an address."""
    if not url.password:
        return text
    for secret in {str(url.password), quote(str(url.password), safe="")}:
        text = text.replace(secret, "***")
    return text
