"""The grpc tool as a service."""

from functions.grpc.handler import handle
from functions.host.serve import serve

app = serve(handle, name="grpc", version="1.0.0", timeout=120.0)
