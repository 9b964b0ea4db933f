-- What people are asked, by the runs that ask.
-- depends: 0014.parts

CREATE INDEX tasks_asking ON tasks (run) WHERE state = 'asking';
