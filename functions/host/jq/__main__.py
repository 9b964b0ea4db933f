"""`python -m functions.host.jq`: evaluates expressions for programs that may not import this.

A JSON object a line on standard input, `{"program", "data", "arguments"}`; its answer a line on
standard output: `{"value"}`, or `{"detail", "empty"}` where there is none. Ends with its input.
"""

import sys

import orjson

from events.flow.expressions import EmptyResult, ExpressionError
from functions.host.jq.client import JqPool


def answer(pool: JqPool, line: bytes) -> bytes:
    """Return the answer to one line."""
    asked = orjson.loads(line)
    try:
        value = pool.evaluate(asked["program"], asked["data"], asked["arguments"])
    except ExpressionError as error:
        return orjson.dumps({"detail": str(error), "empty": isinstance(error, EmptyResult)})
    return orjson.dumps({"value": value})


def main() -> None:
    """Answer until there is nothing more to read."""
    pool = JqPool()
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(answer(pool, line) + b"\n")
        sys.stdout.buffer.flush()
    pool.close()


if __name__ == "__main__":
    main()
