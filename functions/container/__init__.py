"""The container tool: a container of the DSL, by the engine of this machine or as a Job."""
