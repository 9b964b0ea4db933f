"""Flows that together have every type of task, and what a plain interpreter makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.world import World

_TOLD = "chaos.told"
EVERYTHING = """
document: {dsl: '1.0.3', namespace: chaos, name: everything, version: '1.0.0'}
use: {catalogs: {near: {endpoint: 'ROOT'}}}
do:
  - put: {set: {n: '${ .n }'}}
  - which:
      switch:
        - odd: {when: '${ .n % 2 == 1 }', then: odd}
        - rest: {then: even}
  - odd: {set: '${ . + {parity: "odd"} }', then: calls}
  - even: {set: '${ . + {parity: "even"} }'}
  - calls:
      fork:
        branches:
          - http:
              call: http
              with: {method: post, endpoint: 'ROOT/effect', body: {n: '${ .n }', text: http}}
              output: {as: .n}
          - effect:
              call: effect
              with: {url: 'ROOT/effect', n: '${ .n }', text: effect}
              output: {as: .n}
          - newer: {call: newer, with: {n: '${ .n }'}, output: {as: .n}}
          - openapi:
              call: openapi
              with:
                document: {endpoint: 'ROOT/openapi.json'}
                operationId: effect
                parameters: {n: '${ .n }', text: openapi}
              output: {as: .n}
          - grpc:
              call: grpc
              with:
                proto: {endpoint: 'ROOT/greet.proto'}
                service: {name: greet.Greeter, host: localhost, port: GRPC}
                method: SayHello
                arguments: {name: '${ .n | tostring }'}
              output: {as: '.name | tonumber'}
          - mcp:
              call: mcp
              with:
                method: tools/call
                parameters: {name: add, arguments: {a: '${ .n }', b: 1}}
                transport: {http: {endpoint: 'MCP/mcp'}}
                timeout: {seconds: 20}
              output: {as: .structuredContent.result}
          - a2a:
              call: a2a
              with:
                method: message/send
                agentCard: {endpoint: 'AGENT/.well-known/agent-card.json'}
                parameters: {message: {parts: [{kind: text, text: '${ .n | tostring }'}]}}
              output: {as: '.status.message.parts[0].text'}
          - asyncapi:
              call: asyncapi
              with:
                document: {endpoint: 'ROOT/asyncapi.json'}
                operation: say
                message: {payload: {n: '${ .n }', text: asyncapi}}
              output: {as: $input.n}
          - messages:
              call: asyncapi
              with:
                document: {endpoint: 'ROOT/asyncapi.json'}
                operation: hear
                subscription:
                  consume: {amount: 2}
                  foreach:
                    item: message
                    do:
                      - take:
                          call: effect
                          with:
                            url: 'ROOT/effect'
                            n: '${ $workflow.input.n }'
                            text: '${ $message.payload }'
              output: {as: 'map(.n) | add'}
          - cataloged: {call: 'greet:1.0.0@near', with: {n: '${ .n }'}, output: {as: .n}}
      output: {as: '$input + {calls: .}'}
  - loop:
      for: {in: '[range(3)]'}
      do:
        - add: {set: '${ . + {sum: ((.sum // 0) + $item)} }'}
        - nap: {wait: {milliseconds: 50}}
  - together:
      for: {in: '[range(4)]'}
      metadata: {tendril: {concurrency: 2}}
      do:
        - each:
            call: effect
            with: {url: 'ROOT/effect', n: '${ .n }', text: '${ "each \\($item)" }'}
      output: {as: '$input + {together: map(.n)}'}
  - race:
      fork:
        compete: true
        branches:
          - slow: {wait: PT1H}
          - quick: {call: effect, with: {url: 'ROOT/effect', n: '${ .n }', text: quick}}
      output: {as: '$input + {race: .n}'}
  - again:
      try:
        - flaky: {call: http, with: {method: post, endpoint: 'ROOT/flaky', body: {n: '${ .n }'}}}
      catch: {retry: {delay: PT0.1S, limit: {attempt: {count: 3}}}}
      output: {as: '$input + {again: .n}'}
  - mend:
      try:
        - fail: {raise: {error: {type: 'https://x.test/odd', status: 418, title: Odd}}}
      catch: {as: e, do: [{note: {set: '${ . + {mended: $e.status} }'}}]}
  - late:
      try:
        - nap: {timeout: {after: PT0.3S}, do: [{long: {wait: PT1H}}]}
      catch: {as: e, do: [{note: {set: '${ . + {late: $e.status} }'}}]}
  - child:
      run: {workflow: {namespace: chaos, name: leaf, version: '1.0.0', input: {n: '${ .n }'}}}
      output: {as: '$input + {child: .n}'}
  - alone:
      run:
        workflow: {namespace: chaos, name: leaf, version: '1.0.0', input: {n: '${ .n }'}}
        await: false
PROGRAMS
  - hear:
      listen:
        to:
          one:
            with: {type: chaos.told}
            correlate: {n: {from: .data.n, expect: '${ .n }'}}
      output: {as: '$input + {heard: .[0].n}'}
  - tell:
      emit:
        event: {with: {type: chaos.done, source: 'https://x.test/chaos', data: {n: '${ .n }'}}}
      output: {as: $input}
"""
PROGRAMS = """
  - script:
      run:
        script:
          language: python
          stdin: '${ .n | tostring }'
          code: 'print(int(input()) + 1, end="")'
      output: {as: '$input + {script: (. | tonumber)}'}
  - shell:
      run: {shell: {command: 'printf "$1"', arguments: ['${ .n | tostring }']}}
      output: {as: '$input + {shell: (. | tonumber)}'}
""".strip("\n")
LEAF = """
document: {dsl: '1.0.3', namespace: chaos, name: leaf, version: '1.0.0'}
do:
  - leaf: {call: effect, with: {url: 'ROOT/effect', n: '${ .n }', text: leaf}}
"""
FAULTY = """
document: {dsl: '1.0.3', namespace: chaos, name: faulty, version: '1.0.0'}
do:
  - pause: {wait: {milliseconds: 200}}
  - odd: {raise: {error: {type: 'https://x.test/odd', status: 418, title: Odd}}}
"""
BEAT = """
document: {dsl: '1.0.3', namespace: chaos, name: beat, version: '1.0.0'}
schedule: {every: PT3S}
do: [{tick: {call: newer, with: {n: 1}}}]
"""
HEARD = """
document: {dsl: '1.0.3', namespace: chaos, name: heard, version: '1.0.0'}
schedule: {on: {one: {with: {type: chaos.done}}}}
do: [{take: {set: {n: '${ $workflow.input[0].data.n }'}}}]
"""
GATHERED = """
document: {dsl: '1.0.3', namespace: chaos, name: gathered, version: '1.0.0'}
schedule: {on: {any: [{with: {type: chaos.done}}], until: '${ length == 3 }'}}
do: [{take: {set: {all: '${ $workflow.input | map(.data.n) }'}}}]
"""


def flows(world: World, *, programs: bool) -> list[str]:
    """Return the flows as text, those first that others need; `programs` run scripts and shells."""
    places = {"ROOT": world.root, "GRPC": str(world.grpc), "MCP": world.mcp, "AGENT": world.agent}
    texts = [LEAF, FAULTY, BEAT, HEARD, GATHERED]
    texts.append(EVERYTHING.replace("PROGRAMS", PROGRAMS * programs))
    for name, place in places.items():
        texts = [text.replace(name, place) for text in texts]
    return texts


def expected(n: int, *, programs: bool) -> dict[str, Any]:
    """Return what `everything` gives for n, said in one go."""
    more = n + 1
    return {
        "n": n,
        "parity": "odd" if n % 2 else "even",
        "calls": [more, more, more, more, n, more, f"done: {n}", n, more + more, more],
        "sum": 0 + 1 + 2,
        "together": [more] * 4,
        "race": more,
        "again": more,
        "mended": 418,
        "late": 408,
        "child": more,
        "heard": n,
        **({"script": more, "shell": n} if programs else {}),
    }


def told(n: int) -> dict[str, Any]:
    """Return the event that a run with n listens for; the same one each time."""
    attributes = {"specversion": "1.0", "id": f"told-{n}", "source": "/tests", "type": _TOLD}
    return {**attributes, "data": {"n": n}}
