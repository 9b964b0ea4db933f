-- Which run a run redrives, on a newer version of its flow.
-- depends: 0007.listens

ALTER TABLE runs ADD COLUMN origin text COLLATE "C";
CREATE INDEX runs_by_origin ON runs (origin) WHERE origin IS NOT NULL;
