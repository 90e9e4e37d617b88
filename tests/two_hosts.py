"""Two "hosts" on one machine: network namespaces that see nothing but each other."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

INTERFACE = "alexnet0"  # on both, so that gloo can be told one name


class Host(NamedTuple):
    """A network namespace and its address."""

    namespace: str
    address: str

    def inside(self, *command: str) -> list[str]:
        """Return a command that runs another one on this host."""
        # Not by `ip netns exec`, which mounts another /sys and needs more rights.
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]


def missing() -> str | None:
    """Why there can be no two hosts here, or None."""
    lacking = [name for name in ("ip", "nsenter") if shutil.which(name) is None]
    if lacking:
        return f"needs Debian's iproute2 and util-linux ({lacking[0]} is missing)"
    probe = f"alexnet{os.getpid()}probe"
    allowed = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if allowed.returncode:
        return f"network namespaces are not allowed here: {allowed.stderr.strip()}"
    ip("netns", "del", probe)
    return None


@contextmanager
def connected() -> Iterator[tuple[Host, Host]]:
    """Make two hosts with a cable between them, and take them away in the end."""
    first, second = (
        Host(f"alexnet{os.getpid()}{letter}", f"10.213.7.{number}")
        for number, letter in enumerate("ab", start=1)
    )
    try:
        for host in (first, second):
            ip("netns", "add", host.namespace)
        ends = [["name", INTERFACE, "netns", host.namespace] for host in (first, second)]
        ip("link", "add", *ends[0], "type", "veth", "peer", *ends[1])
        for host in (first, second):
            ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", INTERFACE)
            for interface in ("lo", INTERFACE):
                ip("-n", host.namespace, "link", "set", interface, "up")
        yield first, second
    finally:
        for host in (first, second):  # the cable goes with them
            subprocess.run(["ip", "netns", "del", host.namespace], capture_output=True)


def ip(*arguments: str) -> None:
    """Run iproute2's command."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
