-- What a run may use, what it has used, and what is set aside for the calls being made.
-- depends: 0011.retention

ALTER TABLE runs ADD COLUMN budget text COLLATE "C";

CREATE TABLE budgets (
    run text COLLATE "C" PRIMARY KEY,
    outer_run text COLLATE "C",
    tokens bigint,
    cost double precision,
    calls bigint,
    until double precision,
    used_calls bigint NOT NULL DEFAULT 0,
    used_tokens bigint NOT NULL DEFAULT 0,
    used_cost double precision NOT NULL DEFAULT 0
);

CREATE TABLE reservations (
    budget text COLLATE "C" NOT NULL,
    run text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    token bigint NOT NULL,
    calls bigint NOT NULL,
    tokens bigint NOT NULL,
    cost double precision NOT NULL,
    PRIMARY KEY (budget, run, instance)
);
