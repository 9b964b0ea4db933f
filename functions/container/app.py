"""The container tool as a service."""

from functions.container.handler import handle
from functions.container.jobs import hand_over
from functions.host.serve import serve

app = serve(handle, name="container", version="1.0.0", timeout=300.0, hand_over=hand_over)
