"""Questions to codes themselves, some with a truth that is known by construction."""
