"""Shards: what one worker process prepares at a time, and how it is written.

A shard is written under a temporary name and renamed; then its note (`notes`) is written beside it.
A shard without a note, or of another size than noted, is incomplete and is made again. Its name is
derived from its content: any number of processes, on any machines that share the folder, can write
shards there without coordination.
"""

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from jaxvid.data import records
from jaxvid.data.modalities import Modality
from jaxvid.data.prepare import notes
from jaxvid.data.prepare.notes import Decoded, Entry, Failed, Key, Note
from jaxvid.data.video import Facts, Span, VideoError, decoded
from jaxvid.errors import UserError
from jaxvid.runtime import files
from jaxvid.runtime.process_pool import Failure

VIDEOS = (4, 64)  # of a shard, of a small dataset and of a large one
SHARDS = 64  # of a dataset between the two: more than a machine has cores
BYTES = 2**26  # of a shard's video files, but for a single larger one
ABANDONED = 86_400.0  # seconds after which a half-written shard that no process holds is abandoned
_HALF = ".shard-"  # how the names of half-written shards begin
_READ = 2**20  # bytes


@dataclass(frozen=True)
class Source:
    """A video to prepare. `state` identifies the version of its files, which have `bytes`.

    And, where there is one, the version of what decodes them: with another one, videos are prepared
    again, those that failed too. `span`: the part of the file that is the video.
    """

    id: str
    path: Path
    state: str
    bytes: int
    span: Span | None = None

    @property
    def key(self) -> Key:
        return self.id, self.state

    def failed(self, error: VideoError) -> Failed:
        return Failed(self.id, self.state, str(error), error.outside)

    def died(self, failure: Failure) -> Failed:
        """Returns the entry of a video whose process died or hung while decoding it."""
        outside = failure.killed or failure.hung
        return self.failed(VideoError(f"its decoder {failure.reason}", outside))


def source(video_id: str, path: Path, modality: Modality, span: Span | None = None) -> Source:
    """Returns a video with the state of the files that a modality reads; a missing one has none."""
    try:
        states = [_state(file) for file in modality.files(path)]
    except OSError:  # a folder that may not be read
        states = [None]
    extra = [text for text in (modality.decoder(path), repr(span) if span else "") if text]
    state = files.fingerprint([*states, *extra])
    return Source(video_id, path, state, sum(s[0] for s in states if s), span)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns


@dataclass(frozen=True)
class Shard:
    """The task of a worker process: the file to write, and the videos that go into it.

    `refused`: how the process ended, by id, at videos that are not tried again; `suspects`: the
    videos whose process was killed once.
    """

    path: Path
    temporary: Path
    modality: Modality
    sources: tuple[Source, ...]
    refused: Mapping[str, Failure] = field(default_factory=dict)
    suspects: frozenset[str] = frozenset()

    def after(self, failure: Failure) -> "Shard":
        """Returns the shard to try again after its process died, without the video it was at.

        After a kill from outside, the video has a second chance. Raises UserError for a process
        that died before its first video.
        """
        self.temporary.unlink(missing_ok=True)
        if failure.at is None:
            raise UserError(f"a worker process {failure.reason} before it began with a video")
        if failure.killed and failure.at not in self.suspects:
            return replace(self, suspects=self.suspects | {failure.at})
        return replace(self, refused={**self.refused, failure.at: failure})


def shard(sources: tuple[Source, ...], folder: Path, modality: Modality, tries: int = 0) -> Shard:
    """Returns the shard of some videos in a folder; `tries`: how many failed before."""
    content = [source.key for source in sources] + [tries] * (tries > 0)
    path = folder / f"shard-{files.fingerprint(content)}.arrayrecord"
    return Shard(path, files.temporary_name(path), modality, sources)


def divide(sources: Sequence[Source]) -> list[list[Source]]:
    """Divides videos into those of a shard each, a function of the videos alone.

    So processes that prepare the same agree on it while others finish shards.
    """
    most = min(max(len(sources) // SHARDS, VIDEOS[0]), VIDEOS[1])
    divided: list[list[Source]] = []
    size = 0
    for each in sources:
        if not divided or len(divided[-1]) == most or size + each.bytes > BYTES:
            divided.append([])
            size = 0
        divided[-1].append(each)
        size += each.bytes
    return divided


def write(shard: Shard) -> Iterator[str]:
    """Writes a shard and its note, unless another process did; yields the ids of its videos.

    Videos that do not decode are noted with their reason. Raises OSError for a full disk.
    """
    if notes.read(notes.path_of(shard.path)):
        return
    entries: list[Entry] = []
    with files.writing(shard.path, shard.temporary) as path:
        with records.ShardWriter(path) as writer, files.held(path):
            for source in shard.sources:
                yield source.id
                if source.id in shard.refused:
                    entries.append(source.died(shard.refused[source.id]))
                else:
                    entries.append((yield from _store(source, shard.modality, writer)))
        # A writer that meets a full disk does not always raise.
        if records.count(path) != writer.count:
            raise OSError(f"{shard.path} could not be written whole: {records.NO_ROOM}")
    note = Note(
        shard.path.name,
        shard.path.stat().st_size,
        writer.count,
        [entry for entry in entries if isinstance(entry, Decoded)],
        [entry for entry in entries if isinstance(entry, Failed)],
    )
    files.write_json(notes.path_of(shard.path), asdict(note))


def _store(
    source: Source, modality: Modality, writer: records.ShardWriter
) -> Generator[str, None, Entry]:
    facts, first = Facts(), writer.count
    writer.begin(source.id)
    try:
        for frame in decoded(modality.encode(source.path, facts, source.span)):
            writer.add(frame)
            yield source.id
        digest = yield from _digest(source, modality)
    except VideoError as error:
        return source.failed(error)
    _, times = facts.clock()
    return _entry(source, facts, digest, first, writer.end(times))


def look(source: Source, modality: Modality) -> Generator[str, None, Entry]:
    """Decodes a video whole and stores nothing; yields its id, returns the entry of a note."""
    yield source.id
    facts, frames = Facts(), 0
    try:
        for _ in decoded(modality.check(source.path, facts, source.span)):
            frames += 1
            yield source.id
        digest = yield from _digest(source, modality)
    except VideoError as error:
        return source.failed(error)
    return _entry(source, facts, digest, 0, [frames])


def _entry(source: Source, facts: Facts, digest: str, first: int, counts: list[int]) -> Decoded:
    fps, times = facts.clock()
    return Decoded(
        *(source.id, source.state, first, counts, sum(counts), fps, times is not None),
        *(facts.stated, facts.width, facts.height, source.bytes, facts.digest or digest),
        *(facts.damaged, facts.repeated, facts.dropped, facts.assumed),
        people=facts.people,
        empty=facts.empty,
        joints=facts.joints,
        lost=facts.lost,
    )


def _digest(source: Source, modality: Modality) -> Generator[str, None, str]:
    """Returns a digest of the content of a video's files; yields its id while it reads them."""
    digest = hashlib.blake2b(str(source.span or "").encode(), digest_size=16)
    try:
        for path in modality.files(source.path):
            with path.open("rb") as file:
                while block := file.read(_READ):
                    digest.update(block)
                    yield source.id
    except OSError as error:
        raise VideoError(error.strerror or str(error), outside=True) from None
    return digest.hexdigest()


def sweep(folder: Path) -> None:
    """Removes the half-written shards of processes that were killed."""
    halves = list(folder.glob(f"{_HALF}*"))
    if not halves:
        return
    with suppress(OSError):  # a folder that takes no files keeps them
        # No machine's own clock: those that share a disk differ, and clocks are set.
        now = files.clock(folder, prefix=f"{_HALF}clock-")
        for path in halves:
            with suppress(OSError):  # another process sweeps, too
                if now - path.stat().st_mtime > ABANDONED and not files.is_held(path):
                    path.unlink()
