-- Whom approvals ask.
-- depends: 0017.parcels

CREATE TABLE assignees (
    run text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    step integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (run, instance, step, name)
);
