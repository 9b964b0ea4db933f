"""jq in a process of its own, which can be killed without taking the host along."""

from functions.host.jq.client import JqPool
from functions.host.jq.limits import EvaluationLimits
from functions.host.jq.process import NotYetError

__all__ = ["EvaluationLimits", "JqPool", "NotYetError"]
