"""Time: dispatch, queues, flags, events; calls the units and the observers. Knows no text."""
