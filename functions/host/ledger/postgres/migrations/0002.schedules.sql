-- When the newest version of a flow starts by itself.
-- depends: 0001.tables

CREATE TABLE schedules (
    digest text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    spec text NOT NULL,
    due_at double precision,
    run text COLLATE "C"
);
