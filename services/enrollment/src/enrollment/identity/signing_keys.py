"""What can be a device's key: a point of Ed25519 under which only its owner signs. The library takes any 32 bytes."""

from functools import lru_cache
from typing import Final

P: Final = 2**255 - 19
D: Final = -121665 * pow(121666, -1, P) % P

# y of the points of small order on the curve of RFC 8032, 5.1, as libsodium's ge25519_has_small_order lists them:
# signatures verify under them that nobody made.
_OF_ORDER_8: Final = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
SMALL_ORDER: Final = frozenset({0, 1, P - 1, *(int.from_bytes(bytes.fromhex(y), "little") for y in _OF_ORDER_8)})


@lru_cache(maxsize=4096)
def is_signing_key(key: bytes) -> bool:
    """Whether these bytes write a point of the curve (RFC 8032, 5.1.3) that is not of small order."""
    y = int.from_bytes(key, "little") & (2**255 - 1)  # the highest bit is the sign of x
    if len(key) != 32 or y >= P or y in SMALL_ORDER:
        return False
    x_squared_times_a_square = (y * y - 1) * (D * y * y + 1)
    return pow(x_squared_times_a_square, (P - 1) // 2, P) == 1
