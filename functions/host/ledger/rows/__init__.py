"""The ledger's records: frozen values, the same over every implementation.

Packed values (`input`, `output`, `state`, `outcome`) are texts made by `functions.host.blobs`:
JSON, or a reference to the object store. Times are seconds since the epoch.
"""
