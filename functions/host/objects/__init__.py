"""The object store: where values live that are too large for an event.

Keys are paths of `/`-separated segments; values are bytes, written whole or not at all.
"""

from functions.host.objects.port import ObjectKeyError, ObjectMissing, ObjectStore
from functions.host.objects.url import open_store

__all__ = ["ObjectKeyError", "ObjectMissing", "ObjectStore", "open_store"]
