"""The text_collection tool as a service."""

from functions.host.serve import serve
from functions.text_collection.handler import handle

app = serve(handle, name="text-collection", version="1.0.0", timeout=240.0)
