-- Events that start a run together.
-- depends: 0009.turns

ALTER TABLE doors
    ADD COLUMN number integer NOT NULL DEFAULT 0,
    ADD COLUMN "of" integer NOT NULL DEFAULT 0;
CREATE INDEX inbox_unused ON inbox (shape, correlation, at) WHERE NOT used;

CREATE TABLE gathered (
    id text COLLATE "C" PRIMARY KEY,
    digest text COLLATE "C" NOT NULL,
    outcomes json NOT NULL,
    at double precision NOT NULL
);
