-- A flow may start by several kinds of times.
-- depends: 0019.vacuum

ALTER TABLE schedules DROP CONSTRAINT schedules_pkey;
ALTER TABLE schedules ADD PRIMARY KEY (digest, kind);
