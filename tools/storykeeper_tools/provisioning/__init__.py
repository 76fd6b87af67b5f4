"""From a plan to what exists: staged bytes, the ledger, the saga, and the engine that runs it."""
