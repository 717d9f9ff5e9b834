"""Start the server: `streamlit run app.py`, with our sentence and exit code when the port cannot be listened on.

Settings are environment variables, so it takes no arguments.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path

from api.site import startup
from ticketing import settings
from ticketing.errors import StartRefused
from ticketing.settings import InvalidSettings

DEFAULT_PORT = 8501


def main() -> None:
    """Run the server until it is stopped."""
    try:
        if len(sys.argv) > 1:
            raise StartRefused("serve.py takes no arguments: set STREAMLIT_SERVER_PORT and other variables instead.")
        current = settings.load()
        port = current.port or DEFAULT_PORT
        check_port(current.address, port)
    except (InvalidSettings, StartRefused) as refusal:
        startup.exit_with(refusal)
    # Without a port Streamlit would take the next free one.
    os.environ["STREAMLIT_SERVER_PORT"] = str(port)
    from streamlit.web import cli  # it reads its configuration when it is imported

    app = Path(__file__).with_name("app.py")
    cli.main(["run", str(app)])  # it exits with its own code


def check_port(address: str | None, port: int) -> None:
    """Check that a server can listen there. Raises StartRefused."""
    try:
        listen(address, port).close()
    except OSError as error:
        sentences = {
            errno.EADDRINUSE: f"Port {port} is taken by another process, often by an earlier Ticket Desk: stop it "
            f"(`ss -ltnp 'sport = :{port}'` shows it), or set STREAMLIT_SERVER_PORT.",
            errno.EACCES: f"This user may not listen on port {port}: set STREAMLIT_SERVER_PORT to 1024 or higher.",
        }
        default = f"{address} is not an address of this machine: correct STREAMLIT_SERVER_ADDRESS."
        raise StartRefused(sentences.get(error.errno or 0, default)) from error


def listen(address: str | None, port: int) -> socket.socket:
    """Listen as Streamlit will, on all addresses by default."""
    if address is None:
        is_dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if is_dual else socket.AF_INET
        return socket.create_server(("", port), family=family, dualstack_ipv6=is_dual)
    family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((address, port), family=family)


if __name__ == "__main__":
    main()
