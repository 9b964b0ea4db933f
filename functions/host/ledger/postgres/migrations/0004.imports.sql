-- What a flow refers to elsewhere, as it was when the flow was deployed.
-- depends: 0003.forks

ALTER TABLE flows ADD COLUMN imports json NOT NULL DEFAULT '{}';
