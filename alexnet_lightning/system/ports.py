"""Check a port before anything slow begins."""

import socket

from alexnet_lightning.system.errors import UserError

LEAST, MOST = 1024, 65535  # lower ones need root


def check_port(host: str, port: int) -> None:
    """Raise a UserError unless this machine can listen there."""
    if not LEAST <= port <= MOST:
        raise UserError(f"--port is {port}: give a number from {LEAST} to {MOST}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(f"--host {host} --port {port}: {error.strerror}; give others") from None
