"""The Serverless Workflow DSL 1.0.3, complete, as frozen models: what a flow may say.

The names of properties are the DSL's; where Python reserves one it carries a trailing
underscore (`if_`, `with_`, `for_`). Source: serverlessworkflow/specification,
`schema/workflow.yaml` and `dsl-reference.md`.
"""

from events.flow.syntax.authentication import Authentication, AuthenticationReference
from events.flow.syntax.base import TaskBase
from events.flow.syntax.call import BUILT_IN, CallTask
from events.flow.syntax.composite import (
    Branches,
    Catch,
    DoTask,
    ForEach,
    ForkTask,
    ForTask,
    TryTask,
)
from events.flow.syntax.data import Evaluate, Export, Input, Output, Schema
from events.flow.syntax.document import Document
from events.flow.syntax.duration import Duration, DurationParts, Timeout
from events.flow.syntax.error import CaughtErrors, Error, ErrorFilter
from events.flow.syntax.event import (
    Correlation,
    EmittedProperties,
    EventConsumption,
    EventFilter,
    EventProperties,
    FilterProperties,
)
from events.flow.syntax.flow import Flow, Schedule
from events.flow.syntax.listen import Listening, ListenTask, SubscriptionIterator
from events.flow.syntax.node import Node
from events.flow.syntax.resource import Endpoint, EndpointObject, ExternalResource
from events.flow.syntax.retry import RetryPolicy
from events.flow.syntax.run import Process, RunTask
from events.flow.syntax.simple import (
    Case,
    EmitTask,
    NamedCase,
    RaiseTask,
    SetTask,
    SwitchTask,
    WaitTask,
)
from events.flow.syntax.task import KEYWORDS, Task
from events.flow.syntax.tasklist import NamedTask, TaskList
from events.flow.syntax.use import Extension, Use

__all__ = [
    "BUILT_IN",
    "KEYWORDS",
    "Authentication",
    "AuthenticationReference",
    "Branches",
    "CallTask",
    "Case",
    "Catch",
    "CaughtErrors",
    "Correlation",
    "DoTask",
    "Document",
    "Duration",
    "DurationParts",
    "EmitTask",
    "EmittedProperties",
    "Endpoint",
    "EndpointObject",
    "Error",
    "ErrorFilter",
    "Evaluate",
    "EventConsumption",
    "EventFilter",
    "EventProperties",
    "Export",
    "Extension",
    "ExternalResource",
    "FilterProperties",
    "Flow",
    "ForEach",
    "ForTask",
    "ForkTask",
    "Input",
    "ListenTask",
    "Listening",
    "NamedCase",
    "NamedTask",
    "Node",
    "Output",
    "Process",
    "RaiseTask",
    "RetryPolicy",
    "RunTask",
    "Schedule",
    "Schema",
    "SetTask",
    "SubscriptionIterator",
    "SwitchTask",
    "Task",
    "TaskBase",
    "TaskList",
    "Timeout",
    "TryTask",
    "Use",
    "WaitTask",
]
