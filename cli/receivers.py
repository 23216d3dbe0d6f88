"""
Several receiver processes of one pipeline, on the same two ports: `ingest.processes`.

The system spreads connections over all that listen with SO_REUSEPORT. That option asks nobody
whether they belong together, so the parent claims the ports first, for this pipeline alone.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import ExitStack
from functools import partial

from cli.child import Child, run_until_stopped
from cli.invocation import Invocation
from runtime import members
from runtime.errors import ConfigError
from runtime.section import HostPort


async def run(invocation: Invocation) -> None:
    """
    Run `ingest.processes` receivers until told to stop.

    Raises:
        ConfigError: a port is somebody else's, or a receiver cannot start with these settings.
    """
    if sys.platform != "linux":
        raise ConfigError("ingest.processes: only Linux spreads connections over several; set 1")
    ingest = invocation.config.ingest
    with ExitStack() as stack:
        endpoints = {
            "ingest.grpc.endpoint": ingest.grpc.endpoint,
            "ingest.http.endpoint": ingest.http.endpoint,
        }
        claims = {
            key: stack.enter_context(_claim(key, endpoint)) for key, endpoint in endpoints.items()
        }
        assignments = [
            f"{key}={HostPort(endpoints[key].host, claim.getsockname()[1])}"
            for key, claim in claims.items()
        ]
        folder = stack.enter_context(members.shared_folder())
        children = [
            Child(
                name,
                partial(invocation.command_line, "ingest", *assignments),
                # A receiver answers what it has a second earlier; `up` gives this parent one more.
                stop_seconds_max=ingest.publish_seconds_max + 2.0,
                environment=members.environment(name, folder),
                on_end=partial(members.ended, name, folder),
            )
            for name in (f"ingest-{number}" for number in range(1, ingest.processes + 1))
        ]
        await run_until_stopped(_keep_running(children), partial(_stop, children))


async def _keep_running(children: list[Child]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for child in children:
            tasks.create_task(child.keep_running())


async def _stop(children: list[Child]) -> None:
    await asyncio.gather(*(child.stop() for child in children))


def _claim(key: str, endpoint: HostPort) -> socket.socket:
    """
    Take an address for our children alone, until the socket that is returned is closed.

    Raises:
        ConfigError: somebody listens there, or another pipeline has claimed it.
    """
    host, port = endpoint
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if port == 0:
            with socket.create_server((host, 0), family=family) as probe:
                port = probe.getsockname()[1]
        claim = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"{key}: cannot listen on {endpoint}: {error.strerror}") from error
    # Without SO_REUSEPORT the system lets one listen, whoever comes at the same moment. From here
    # on it lets others bind the port with SO_REUSEPORT only, as our children do, and no process of
    # ours without a claim of its own. We need not listen for that, and a connection that came here
    # would wait for ever; the port stays bound until we close it or die.
    claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    claim.shutdown(socket.SHUT_RDWR)
    return claim
