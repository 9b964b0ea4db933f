-- The ledger's tables. Packed values are `text`, kept byte for byte. What Tendril itself writes as
-- JSON is `json` and not `jsonb`, which would sort its keys and refuse an escaped NUL. Times are
-- seconds since the epoch in `double precision`: hosts compare the very numbers they read.
-- Ids are compared by bytes, which is what the embedded ledger does too.

CREATE TABLE flows (
    digest text COLLATE "C" PRIMARY KEY,
    namespace text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    title text NOT NULL,
    definition json NOT NULL,
    source text NOT NULL,
    functions json NOT NULL,
    deployed_at double precision NOT NULL,
    newest boolean NOT NULL DEFAULT false,
    UNIQUE (namespace, name, version)
);

CREATE TABLE doors (
    digest text COLLATE "C" NOT NULL,
    type text COLLATE "C",
    filter json NOT NULL
);
CREATE INDEX doors_by_type ON doors (type);

CREATE TABLE runs (
    id text COLLATE "C" PRIMARY KEY,
    digest text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    machine integer NOT NULL,
    status text COLLATE "C" NOT NULL,
    input text NOT NULL,
    output text,
    error json,
    started_at double precision NOT NULL,
    ended_at double precision,
    trace text COLLATE "C" NOT NULL,
    steps integer NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX runs_by_start ON runs (started_at);

CREATE TABLE scopes (
    run text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    state text NOT NULL,
    rev integer NOT NULL,
    PRIMARY KEY (run, scope)
) WITH (fillfactor = 70);

CREATE TABLE tasks (
    run text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    tool text COLLATE "C" NOT NULL,
    major integer NOT NULL,
    version text COLLATE "C" NOT NULL,
    attempt integer NOT NULL,
    edition integer NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    input text NOT NULL,
    input_digest text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    due_at double precision NOT NULL,
    token integer NOT NULL,
    claims integer NOT NULL,
    emissions integer NOT NULL,
    outcome text,
    requested_at double precision NOT NULL,
    PRIMARY KEY (run, instance)
) WITH (fillfactor = 70);
CREATE INDEX tasks_due ON tasks (due_at) WHERE state <> 'closed';
CREATE INDEX tasks_by_cause ON tasks (run, cause);

CREATE TABLE tools (
    tool text COLLATE "C" NOT NULL,
    major integer NOT NULL,
    claimed_at double precision NOT NULL,
    PRIMARY KEY (tool, major)
);

CREATE TABLE history (
    run text COLLATE "C" NOT NULL,
    seq integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    at double precision NOT NULL,
    reference text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    detail json NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE outbox (
    id text COLLATE "C" PRIMARY KEY,
    run text COLLATE "C" NOT NULL,
    event text NOT NULL,
    stored_at double precision NOT NULL
);
CREATE INDEX outbox_by_run ON outbox (run);

CREATE TABLE letters (
    id text COLLATE "C" PRIMARY KEY,
    status text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    code integer NOT NULL,
    stored_at double precision NOT NULL,
    "trigger" text COLLATE "C" NOT NULL,
    event json NOT NULL,
    run text COLLATE "C",
    instance text COLLATE "C",
    tool text COLLATE "C",
    flow text COLLATE "C"
);
CREATE INDEX letters_by_time ON letters (stored_at);

CREATE TABLE unmatched (
    id text COLLATE "C" PRIMARY KEY,
    event text NOT NULL,
    at double precision NOT NULL
);
CREATE INDEX unmatched_by_time ON unmatched (at);
