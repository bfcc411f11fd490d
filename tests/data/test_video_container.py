from types import SimpleNamespace
from typing import Any, cast

from jaxvid.data import video_container
from jaxvid.data.video import Facts


def test_a_stream_that_begins_midway_is_no_error(dataset):
    """At the end of such a file, PyAV looks for the stream among those of its beginning."""
    with video_container.opened(dataset.folder / "v3.avi") as (container, stream):

        def demux(*streams):
            yield from (packet for packet in container.demux(*streams) if packet.size)
            raise IndexError("list index out of range")

        facts, broken = Facts(), cast(Any, SimpleNamespace(demux=demux))
        assert len(list(video_container.decoded(broken, stream, facts))) == 7
    assert facts.damaged == 0
