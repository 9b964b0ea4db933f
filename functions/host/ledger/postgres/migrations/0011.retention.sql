-- Runs of which the ledger keeps no more than their row.
-- depends: 0010.gathered

ALTER TABLE runs ADD COLUMN archived boolean NOT NULL DEFAULT false;
CREATE INDEX runs_by_end ON runs (archived, ended_at) WHERE ended_at IS NOT NULL;
