-- One order over the histories of all runs, and who has read how far in it.
-- depends: 0005.kin

ALTER TABLE history
    ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX history_by_transaction ON history (xid, position);

CREATE TABLE bookmarks (
    reader text COLLATE "C" PRIMARY KEY,
    place text COLLATE "C" NOT NULL,
    holder text COLLATE "C" NOT NULL,
    until double precision NOT NULL
);
