"""What all tools share: serving, the hop protocol, the ledger and the object store."""
