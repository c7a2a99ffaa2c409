"""Why a run took as long as it did: its critical path, its bound, and what to change."""
