"""What several addresses say of themselves in the OpenAPI document."""

from typing import Any, Final

ETAG: Final[dict[str, Any]] = {"ETag": {"description": 'The revision, as `"7"`.', "schema": {"type": "string"}}}
