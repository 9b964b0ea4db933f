"""An A2A agent of the official SDK, which speaks 0.3 and 1.0 at one address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a2a.helpers import new_task_from_user_message, new_text_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette

if TYPE_CHECKING:
    from a2a.server.agent_execution import RequestContext
    from a2a.server.events import EventQueue


class Writer(AgentExecutor):
    """Works at a task and ends it with what it was told; it fails when told to."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Do the task."""
        assert context.message
        self.messages.append(context.message)
        task = context.current_task or new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        text = context.get_user_input()
        await updater.complete(new_text_message(f"done: {text}"))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Cancel nothing: it is done at once."""
        raise NotImplementedError


def application(writer: Writer, url: str, *versions: str) -> Starlette:
    """Return the agent's app; its card names an interface of each version at `url`."""
    card = AgentCard(
        name="writer",
        description="It writes.",
        version="1.0.0",
        capabilities=AgentCapabilities(streaming=True),
        skills=[AgentSkill(id="write", name="write", description="Writes.", tags=["text"])],
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=version)
            for version in versions
        ],
    )
    handler = DefaultRequestHandler(
        agent_executor=writer, task_store=InMemoryTaskStore(), agent_card=card
    )
    return Starlette(
        routes=[
            *create_agent_card_routes(card),
            *create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
        ]
    )
