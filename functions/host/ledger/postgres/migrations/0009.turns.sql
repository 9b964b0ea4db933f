-- What the branches of a fork share, and how many of them have begun.
-- depends: 0008.origins

ALTER TABLE forks
    ADD COLUMN begun integer,
    ADD COLUMN width integer,
    ADD COLUMN shared text;

CREATE INDEX scopes_by_fork ON scopes (run, fork, number) WHERE fork IS NOT NULL;
