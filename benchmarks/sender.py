"""Sends spans at a steady rate, each record at once: its spans end at the moment of sending.

A process of its own beside `delay`.

    python -m benchmarks.sender --kafka HOST:PORT [--rate 20000] [--seconds 30]

A record holds 200 spans, the last of them a marker (service `bench-marker`). The bytes are made once and only their
times are written anew, so that the generator takes little of the machine. At the end it prints how late its latest
record was, in milliseconds.
"""

import argparse
import asyncio
import random
import time

import numpy as np
from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.sample import request
from benchmarks.testbed import PARTITIONS, TOPIC

MARKER = "bench-marker"
SPANS_A_RECORD = 200
START, END = 0x5117A57A27000001, 0x5117E2D000000002
"""Stand where the times go; no other bytes of the record look like them."""


class Template:
    """A record whose times can be set."""

    def __init__(self) -> None:
        message = ExportTraceServiceRequest.FromString(request(SPANS_A_RECORD, 0))
        del message.resource_spans[0].scope_spans[0].spans[0]  # the marker comes in its place
        marker = ExportTraceServiceRequest.FromString(request(1, 0, services=1)).resource_spans[0]
        marker.resource.attributes[0].value.string_value = MARKER
        message.resource_spans.append(marker)
        spans = [span for one in message.resource_spans for span in one.scope_spans[0].spans]
        for span in spans:
            span.start_time_unix_nano, span.end_time_unix_nano = START, END
        self._bytes = np.frombuffer(message.SerializeToString(), np.uint8).copy()
        self._starts, self._ends = self._places(START), self._places(END)
        chance = random.Random(1)
        durations = [int(chance.lognormvariate(15, 1)) for _ in spans[:-1]]
        self._durations_ns = np.array([*durations, 0])  # of the marker: its start is its end
        self.spans = len(spans)

    def ending(self, now_ns: int) -> bytes:
        """The record with all its spans ending then."""
        ends = np.full(self.spans, now_ns)
        self._bytes[self._ends] = ends.view(np.uint8)
        self._bytes[self._starts] = (ends - self._durations_ns).view(np.uint8)
        return self._bytes.tobytes()

    def _places(self, value: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        whole, sought = self._bytes.tobytes(), value.to_bytes(8, "little")
        places = []
        at = whole.find(sought)
        while at >= 0:
            places.append(at)
            at = whole.find(sought, at + 8)
        return (np.array(places)[:, None] + np.arange(8)).ravel()


async def send(bootstrap: str, rate: int, seconds: int) -> float:
    """Send; the greatest delay behind the plan, in seconds."""
    template = Template()
    records = rate * seconds // template.spans
    latest_s = 0.0
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks=1) as producer:
        await producer.partitions_for(TOPIC)
        begun_s = time.monotonic()
        for number in range(records):
            ahead_s = begun_s + number * template.spans / rate - time.monotonic()
            latest_s = max(latest_s, -ahead_s)
            await asyncio.sleep(max(0, ahead_s))
            await producer.send(TOPIC, template.ending(time.time_ns()), partition=number % PARTITIONS)
    return latest_s


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument("--rate", type=int, default=20_000, help="spans a second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="how long (%(default)s)")
    options = parser.parse_args()
    print(f"{asyncio.run(send(options.kafka, options.rate, options.seconds)) * 1e3:.0f}")


if __name__ == "__main__":
    main()
