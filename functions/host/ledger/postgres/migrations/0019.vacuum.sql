-- Tasks are vacuumed when a fiftieth of them is dead, not a fifth. What is due is looked for at the
-- beginning of `tasks_due`, where each hop leaves two dead entries until then: 200,000 hops after
-- a vacuum a look read 1,534 pages, and right after it three.
-- depends: 0018.assignees

ALTER TABLE tasks SET (autovacuum_vacuum_scale_factor = 0.02);
