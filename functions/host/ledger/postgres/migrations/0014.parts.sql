-- What is large in a scope's state: written once, and not at every step.
-- depends: 0013.open

CREATE TABLE parts (
    run text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (run, scope, digest)
);
