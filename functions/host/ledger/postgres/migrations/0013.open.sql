-- What a run has out is found without what it is done with, however long it runs.
-- depends: 0012.budgets

DROP INDEX tasks_by_cause;
CREATE INDEX tasks_open ON tasks (run, cause) WHERE state <> 'closed';
