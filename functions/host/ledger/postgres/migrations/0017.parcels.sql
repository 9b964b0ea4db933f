-- Whose objects leave the object store, and who keeps those of an event there.
-- depends: 0016.gathering

CREATE TABLE parcels (
    parcel text COLLATE "C" PRIMARY KEY,
    at double precision NOT NULL,
    given_up boolean NOT NULL DEFAULT false
);
CREATE INDEX parcels_given_up ON parcels (parcel) WHERE given_up;

CREATE TABLE holders (
    holder text COLLATE "C" NOT NULL,
    parcel text COLLATE "C" NOT NULL,
    PRIMARY KEY (holder, parcel)
);
CREATE INDEX holders_by_parcel ON holders (parcel);
