-- Events that are gathered until something holds.
-- depends: 0015.approvals

CREATE TABLE gathering (
    digest text COLLATE "C" NOT NULL,
    correlation text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    filters integer[] NOT NULL,
    outcome text NOT NULL,
    at double precision NOT NULL,
    looked boolean NOT NULL,
    PRIMARY KEY (digest, correlation, event)
);
CREATE INDEX gathering_by_number ON gathering (digest, correlation, number);
CREATE INDEX gathering_unlooked ON gathering (at) WHERE NOT looked;
