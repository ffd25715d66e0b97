"""Our numbers beside those that papers print."""
