"""Studies: runs and their identity, protocols, plans, records in the store, and the study of a command."""
