"""docker-compose.yml: the Compose format, our own settings' and commands' names, doors on loopback. No engine is needed, and none was run."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from collectors.registry import REGISTERED
from pipeline.cli import COMMANDS
from pipeline.settings.known import models
from schemas.topics import registry

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("tailrace:")}


def problems(compose: dict[str, Any]) -> list[str]:
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in Draft7Validator(SCHEMA).iter_errors(compose)]


def test_the_file_is_what_the_compose_format_allows() -> None:
    assert problems(COMPOSE) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("services", "worker", "replicas"), 2),
        (("services", "worker", "deploy", "replica"), 2),
        (("services", "kafka", "healthcheck", "test"), 7),
        (("volume",), {}),
    ],
)
def test_a_misspelt_or_mistyped_key_is_refused(path: tuple[str, ...], value: object) -> None:
    broken = copy.deepcopy(COMPOSE)
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert problems(broken)


def test_every_setting_of_ours_exists_under_that_name() -> None:
    known = {f"TAILRACE_{name.upper()}" for model in models() for name in model.model_fields}
    used = {name for service in OURS.values() for name in service["environment"]}
    assert used
    assert used <= known


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str) -> None:
    assert OURS[name]["command"][0] in COMMANDS


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_each_service_are_valid(name: str) -> None:
    given = {key.removeprefix("TAILRACE_").lower(): value for key, value in OURS[name]["environment"].items()}
    read = set()
    for model in models():
        own = {key: value for key, value in given.items() if key in model.model_fields}
        read |= model.model_validate(own).model_fields_set
    assert read == set(given)


def test_every_registered_collector_is_a_service() -> None:
    commands = [service["command"] for service in OURS.values()]
    assert all(["collect", collector.name] in commands for collector in REGISTERED)


def test_two_workers_one_collector_and_grafana_only_when_asked_for() -> None:
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert SERVICES["grafana"]["profiles"] == ["grafana"]
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["grafana"]
    assert max(topic.partitions for topic in registry().values()) >= SERVICES["worker"]["deploy"]["replicas"]


def test_every_published_port_is_on_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)


def test_everything_that_is_waited_for_exists_and_can_get_there() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]
            else:
                assert SERVICES[other]["restart"] == "on-failure"


def test_every_file_that_is_mounted_or_copied_exists() -> None:
    mounts = [v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])]
    for mount in mounts:
        assert (ROOT / mount).exists() if mount.startswith("./") else mount in COMPOSE["volumes"]
    dockerfile = (ROOT / SERVICES["worker"]["build"]["dockerfile"]).read_text()
    ignored = (ROOT / "infra/docker/Dockerfile.dockerignore").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source}\n" in ignored


def test_no_password_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name:
                assert value.startswith("${")


def test_it_says_that_it_was_not_run() -> None:
    assert "NOT RUN" in (ROOT / "docker-compose.yml").read_text()
