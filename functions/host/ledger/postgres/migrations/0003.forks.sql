-- A scope for each branch of a fork, and a row for each fork with what is still open in it.
-- depends: 0002.schedules

ALTER TABLE scopes
    ADD COLUMN parent text COLLATE "C",
    ADD COLUMN fork text COLLATE "C",
    ADD COLUMN number integer,
    ADD COLUMN output text;

CREATE TABLE forks (
    run text COLLATE "C" NOT NULL,
    fork text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    compete boolean NOT NULL,
    open integer NOT NULL,
    PRIMARY KEY (run, fork)
);
