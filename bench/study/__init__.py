"""What a study consists of: its runs and their identity, its protocol, its plan, and its record in the store."""
