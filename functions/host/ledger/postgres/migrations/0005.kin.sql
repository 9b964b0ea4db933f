-- Runs that other runs started.
-- depends: 0004.imports

ALTER TABLE runs
    ADD COLUMN parent text COLLATE "C",
    ADD COLUMN caller text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN awaited boolean NOT NULL DEFAULT false,
    ADD COLUMN depth integer NOT NULL DEFAULT 0;
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;
