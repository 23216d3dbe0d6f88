"""compose.yaml: valid by the specification's own schema, and each name in it means something."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from cli.main import cli
from query import service as query_service
from runtime import settings, telemetry
from runtime.config import Config
from runtime.section import HostPort
from tests.deploy.paths import BIN, CONFIGS, DEPLOY, ROOT
from tests.users import user
from workers import service as worker_service

COMPOSE = DEPLOY / "compose.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
LONG_LIVED = set(SERVICES) - ONE_SHOT
SETTINGS = "/etc/sessiontrail/config.yaml"
# What is filled in in .env: what has to be, and what may be as well.
FILLED_IN = {"CLICKHOUSE_PASSWORD": "0123"}
HASH = user("ada", everywhere="admin").password_hash.get_secret_value()
USERS = f'[{{name: ada, password_hash: "{HASH}", roles: {{"*": admin}}}}]'


def config(service: str, **filled_in: str) -> Config:
    """Return the settings that a service of ours runs with."""
    given = {
        name: interpolated(value, {**FILLED_IN, **filled_in})
        for name, value in SERVICES[service]["environment"].items()
    }
    return settings.load(file=CONFIGS / "development.yaml", environment=given)


def interpolated(value: str, variables: Mapping[str, str]) -> str:
    """Return what `docker compose` puts into a container's environment."""
    reference = re.fullmatch(r"\$\{(\w+):[?-](.*)\}", value)
    return variables.get(reference[1], reference[2]) if reference else value


def seconds(duration: str) -> int:
    """Return a duration of compose in seconds."""
    assert duration.endswith("s")
    return int(duration.removesuffix("s"))


def test_it_is_valid_by_the_specification() -> None:
    """The Compose Specification's JSON schema, as check-jsonschema ships it."""
    result = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_every_service_is_watched_limited_and_restarted() -> None:
    """A long-lived service has a health check; each has a bound on memory, and a time to stop."""
    assert sorted(ONE_SHOT) == ["migrate"]
    for name, service in SERVICES.items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert "stop_grace_period" in service, name
    for name in LONG_LIVED:
        assert SERVICES[name]["restart"] == "unless-stopped", name
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD", name


def test_who_is_waited_for_can_become_what_is_waited_for() -> None:
    """Healthy needs a health check; completed needs something that ends."""
    for name, service in SERVICES.items():
        for other, wanted in service.get("depends_on", {}).items():
            fitting = {
                "service_healthy": LONG_LIVED,
                "service_completed_successfully": ONE_SHOT,
            }
            assert other in fitting[wanted["condition"]], f"{name} waits for {other}"


def test_every_mounted_file_and_volume_exists() -> None:
    """Docker would make an empty folder of a file that is not there."""
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source = mount.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).is_file(), f"{name}: {source}"
            else:
                assert source in DOCUMENT["volumes"], f"{name}: {source}"
    for name in OURS:
        build = SERVICES[name]["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_images_are_pinned() -> None:
    """Tomorrow's `up` starts what today's did."""
    for name, service in SERVICES.items():
        assert re.search(r":\d+\.\d+", service["image"]), name


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_runs_a_subcommand_with_settings_that_are_valid(name: str) -> None:
    """The mounted file is the one the command reads, and no variable is a typo."""
    subcommand, *options = SERVICES[name]["command"]
    assert subcommand in cli.commands
    assert f"./config/development.yaml:{SETTINGS}:ro" in SERVICES[name]["volumes"]
    assert options == ["--config", SETTINGS]
    assert config(name).buffer.kind == "kafka"


def test_settings_and_services_name_each_other() -> None:
    """Addresses, users and databases agree; each worker has a name that only it has."""
    environment = SERVICES["clickhouse"]["environment"]
    for name in OURS:
        assert config(name).buffer.kafka.bootstrap_servers == ("kafka:9092",)
        store = config(name).store
        assert store.url == "http://clickhouse:8123"
        assert store.database == environment["CLICKHOUSE_DB"]
        assert store.user == environment["CLICKHOUSE_USER"]
        assert store.password.get_secret_value() == "0123"
    workers = [name for name in OURS if SERVICES[name]["command"][0] == "worker"]
    names = {config(name).buffer.kafka.instance_id for name in workers}
    assert len(workers) == len(names) == 2
    assert "" not in names


def test_what_is_published_is_what_is_listened_on() -> None:
    """And on this machine alone, since there are no project keys and no users."""
    ingest, query = config("ingest").ingest, config("query").query
    assert published("ingest") == {ingest.grpc.endpoint.port, ingest.http.endpoint.port}
    assert published("query") == {query.endpoint.port}
    assert ingest.processes == 2
    exposed = re.findall(r"^EXPOSE (.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert {int(port) for port in exposed[0].split()} == published("ingest") | published("query")


def published(name: str) -> set[int]:
    """Return the ports of a service that this machine, and no other, reaches."""
    ports = [port.split(":") for port in SERVICES[name]["ports"]]
    assert {address for address, _, _ in ports} == {"127.0.0.1"}
    assert all(outside == inside for _, outside, inside in ports)
    return {int(inside) for _, _, inside in ports}


def test_ingest_and_query_read_the_same_keys() -> None:
    """In a volume over the image's own folder: keys and log-ins outlive the containers."""
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    [folder] = re.findall(r"SESSIONTRAIL_DATA_DIR=(\S+)", dockerfile)
    assert f"--home-dir {folder} " in dockerfile
    for name in OURS:
        # The others need nothing of it.
        keeps = f"data:{folder}" in SERVICES[name]["volumes"]
        assert keeps == (name in {"ingest", "query"}), name
        assert config(name).keys.file is None


def test_query_is_open_until_users_are_named() -> None:
    """By one line in .env, which the example has."""
    assert config("query").query.without_users
    assert config("query").query.users == ()
    assert config("query").query.ingest_url == "http://ingest:4318"
    [ada] = config("query", QUERY_USERS=USERS).query.users
    assert (ada.name, ada.roles) == ("ada", {"*": "admin"})
    example = (DEPLOY / "example.env").read_text(encoding="utf-8")
    [line] = re.findall(r"^# QUERY_USERS='(.*)'$", example, re.MULTILINE)
    assert line.replace("$argon2id$…", HASH) == USERS


def test_there_is_time_to_drain() -> None:
    """A stop is over before Docker makes it one."""
    answer_seconds = config("ingest").ingest.publish_seconds_max + 1.0
    assert seconds(SERVICES["ingest"]["stop_grace_period"]) >= 2 * answer_seconds
    query_seconds = seconds(SERVICES["query"]["stop_grace_period"])
    assert query_seconds >= 2 * query_service._GRACE_SECONDS
    for name in ("worker-1", "worker-2"):
        grace_seconds = seconds(SERVICES[name]["stop_grace_period"])
        assert grace_seconds >= 2 * worker_service._DRAIN_SECONDS_MAX


@pytest.mark.parametrize("waiting_for", [[], ["buffer: no answer"]], ids=["ready", "waiting"])
@pytest.mark.parametrize("name", sorted(OURS - ONE_SHOT))
async def test_health_checks_tell_ready_from_not(name: str, waiting_for: list[str]) -> None:
    """The very command, against the very routes; only the port is another."""
    settings_in_force = config(name)
    expected = {
        "ingest": settings_in_force.ingest.http.endpoint.port,
        "worker": settings_in_force.worker.telemetry.endpoint.port,
        "query": settings_in_force.query.endpoint.port,
    }[SERVICES[name]["command"][0]]

    async def waits_for() -> list[str]:
        return waiting_for

    _, python, *arguments = SERVICES[name]["healthcheck"]["test"]
    assert python == "python"
    assert f"http://127.0.0.1:{expected}/" in arguments[-1]
    async with telemetry.serve(HostPort("127.0.0.1", 0), waits_for=waits_for) as address:
        code = arguments[-1].replace(f":{expected}/", f":{address.port}/")
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments[:-1], code)
        assert (await process.wait() == 0) == (not waiting_for)


def test_kafka_is_one_broker_that_reaches_itself() -> None:
    """Its own topics must not wait for brokers that never come."""
    environment: Mapping[str, str] = SERVICES["kafka"]["environment"]
    assert environment["KAFKA_PROCESS_ROLES"] == "broker,controller"
    replicated = [name for name in environment if name.endswith(("_REPLICATION_FACTOR", "_ISR"))]
    assert len(replicated) == 5
    assert {environment[name] for name in replicated} == {"1"}
    mount = SERVICES["kafka"]["volumes"][0].partition(":")[2]
    assert environment["KAFKA_LOG_DIRS"] == mount


def test_the_password_has_no_default() -> None:
    """Compose refuses to start without one, and the example holds none."""
    assert "${CLICKHOUSE_PASSWORD:?" in COMPOSE.read_text(encoding="utf-8")
    assert "\nCLICKHOUSE_PASSWORD=\n" in (DEPLOY / "example.env").read_text(encoding="utf-8")
    ignored = ["git", "check-ignore", "--quiet", "deploy/.env"]
    assert subprocess.run(ignored, cwd=ROOT, check=False).returncode == 0
