"""Writes events with TensorBoard's own record writer, and what they say as JSON, for the tests of `@blip2/runs`.

    python make_tensorboard.py --out ../testing/fixtures/tensorboard/events.json

Needs `pip install tensorboard setuptools`.
"""

import argparse
import io
import json

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", required=True)
arguments = parser.parse_args()

events = [
    {"wallTime": 1764400000.125, "fileVersion": "brain.Event:2"},
    {"wallTime": 1764400001.5, "step": 1, "sessionStart": True},
    {"wallTime": 1764400002.0, "step": 1, "scalars": {"stage1/loss/total": 6.25}},
    {"wallTime": 1764400003.75, "step": 300, "scalars": {"stage1/loss/itc": 1e-3, "stage1/learning_rate": -0.0, "größe": 3e38}},
    {"wallTime": 1764400004.0, "step": 5_000_000_000, "scalars": {f"tag {i}": i / 3 for i in range(20)}},
]


def encoded(event):
    message = Event(wall_time=event["wallTime"])
    if "step" in event:
        message.step = event["step"]
    if "fileVersion" in event:
        message.file_version = event["fileVersion"]
    if "sessionStart" in event:
        message.session_log.CopyFrom(SessionLog(status=SessionLog.START))
    if "scalars" in event:
        message.summary.CopyFrom(
            Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in event["scalars"].items()])
        )
    file = io.BytesIO()
    RecordWriter(file).write(message.SerializeToString())
    return file.getvalue().hex()


with open(arguments.out, "w") as file:
    lines = ",\n".join(json.dumps({"event": event, "hex": encoded(event)}, ensure_ascii=False) for event in events)
    file.write(f'{{"records": [\n{lines}\n]}}\n')
