"""Reads the one thing that aiokafka cannot: a header whose name is no UTF-8 would block its partition for ever."""

import struct
from collections.abc import Iterator
from typing import Any, SupportsIndex, overload

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords


def install() -> None:
    """Makes this process's consumers read so. Doing it again changes nothing."""
    fetcher.MemoryRecords = LenientRecords


class LenientRecords:
    """Stands where aiokafka's `MemoryRecords` does: the record batches of one fetched partition."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._records = MemoryRecords(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> "_LenientBatch | None":
        batch = self._records.next_batch()
        if batch is None:
            return None
        start = self._at
        (length,) = struct.unpack_from(">i", self._data, start + 8)
        self._at = start + 12 + length
        return _LenientBatch(batch, self._data[start : self._at])


class _LenientBatch:
    """A record batch, read again in pure Python if the fast reader stumbles over it."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return _again(self._data)

    def __next__(self) -> Any:
        """The only record of a control batch: where a transaction ended, and how."""
        return next(self._batch)


def _again(data: memoryview) -> Iterator[Any]:
    batch: Any = _DefaultRecordBatchPy(data)
    batch._maybe_uncompress()
    batch._buffer = _Lenient(batch._buffer)
    return iter(batch)


class _Lenient(bytearray):
    """Bytes whose text is never refused: what is no UTF-8 is written as `\\xff`."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> bytearray: ...

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _Lenient(part) if isinstance(index, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
