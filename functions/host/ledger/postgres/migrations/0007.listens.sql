-- Who listens, to what, and which events came for them.
-- depends: 0006.chronicle

CREATE TABLE shapes (
    shape text COLLATE "C" PRIMARY KEY,
    type text COLLATE "C",
    filter json NOT NULL
);
CREATE INDEX shapes_by_type ON shapes (type);

CREATE TABLE subscriptions (
    shape text COLLATE "C" NOT NULL,
    correlation text COLLATE "C" NOT NULL,
    run text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    listener text COLLATE "C" NOT NULL,
    PRIMARY KEY (shape, correlation, run, instance)
);
CREATE INDEX subscriptions_by_run ON subscriptions (run, instance);

CREATE TABLE inbox (
    event text COLLATE "C" NOT NULL,
    shape text COLLATE "C" NOT NULL,
    correlation text COLLATE "C" NOT NULL,
    outcome text NOT NULL,
    at double precision NOT NULL,
    used boolean NOT NULL,
    PRIMARY KEY (event, shape, correlation)
);
CREATE INDEX inbox_by_key ON inbox (shape, correlation, at);
CREATE INDEX inbox_by_time ON inbox (at);

CREATE TABLE consumed (
    run text COLLATE "C" NOT NULL,
    listener text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    PRIMARY KEY (run, listener, event)
);
CREATE INDEX consumed_by_event ON consumed (event);
